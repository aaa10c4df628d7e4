import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createA2ARouter, payload, scope, target } from '@agentwire/a2a-router';
import { createManualClock } from '@agentwire/core/testing';
import { expect, it } from 'vitest';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { readonly type: 'minor' | 'major' }) => void;
const body = payload.text('hi');

/** Bytes on the heap after collections of the young generation only, as they happen under load. */
function heapAfterMinor(): number {
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  return process.memoryUsage().heapUsed;
}

it('keeps nothing of requests that were answered until the next full collection', async () => {
  const router = createA2ARouter();
  const { processTable } = router;
  const asker = router.register(processTable.insert({ agentId: 'asker' }));
  const worker = router.register(processTable.insert({ agentId: 'worker' }));
  void worker.serve(() => body);
  const ask = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await asker.request(target.process(worker.pid), body);
  };
  await Promise.all(Array.from({ length: 64 }, () => ask(20)));
  collect({ type: 'major' });
  const count = 32_000;
  const before = heapAfterMinor();
  await Promise.all(Array.from({ length: 64 }, () => ask(count / 64)));
  expect((heapAfterMinor() - before) / count).toBeLessThan(800);
  await router.close();
});

it('keeps nothing of requests that ran out of time, and an exit still ends what waits', async () => {
  const clock = createManualClock();
  const router = createA2ARouter({ clock, maxPendingRequests: 5000 });
  const { processTable } = router;
  const asker = router.register(processTable.insert({ agentId: 'asker' }));
  const silent = processTable.insert({ agentId: 'silent', capabilities: { ipcScope: scope.none } });
  router.register(silent, { capacity: 1, overflow: 'dropOldest' });
  const to = target.process(silent);
  for (let round = 0; round < 4; round += 1) {
    const late = router.register(processTable.insert({ agentId: `late-${round}` }), { capacity: 5000 });
    const waits = Array.from({ length: 5000 }, () =>
      asker.request(target.process(late.pid), body, { timeoutMs: 100 }).catch((error: { code: string }) => error.code),
    );
    expect(router.pendingRequestCount).toBe(5000);
    clock.advance(110);
    expect(new Set(await Promise.all(waits))).toEqual(new Set(['ERR_TIMEOUT']));
    expect(router.pendingRequestCount).toBe(0);
  }
  const last = asker.request(to, body).catch((error: { code: string }) => error.code);
  processTable.updateState(silent, 'exited');
  expect(await last).toBe('ERR_INBOX_CLOSED');
  await router.close();
});
