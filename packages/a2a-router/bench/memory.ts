// Started with --expose-gc: makes a million requests, every second one without an answer until it runs out of time, and prints the heap
// after full collections as JSON. Usage: node --expose-gc --conditions=@agentwire/source bench/memory.ts [REQUESTS]
import { createA2ARouter, payload, target } from '@agentwire/a2a-router';

const requests = Number(process.argv[2] ?? 1_000_000);
const IN_FLIGHT = 1000;
const body = payload.text('hello agent');
const router = createA2ARouter();
const { processTable } = router;
const asker = router.register(processTable.insert({ agentId: 'asker' }));
const worker = router.register(processTable.insert({ agentId: 'worker' }));
const silent = router.register(processTable.insert({ agentId: 'silent' }), { capacity: 1000, overflow: 'dropOldest' });
void worker.serve(() => body, { concurrency: IN_FLIGHT });
// Messages are taken, so that they are neither dropped nor answered.
void (async () => {
  for await (const message of silent.inbox) void message;
})();

async function run(count: number): Promise<void> {
  const ask = async (): Promise<void> => {
    for (let n = 0; n < count / IN_FLIGHT; n += 1) {
      const to = target.process(n % 2 === 0 ? worker.pid : silent.pid);
      await asker.request(to, body, { timeoutMs: n % 2 === 0 ? 10_000 : 5 }).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, ask));
}

// Timers of the router do not keep the process alive.
const alive = setInterval(() => undefined, 60_000);
const heap: number[] = [];
for (let part = 0; part < 5; part += 1) {
  await run(requests / 5);
  globalThis.gc?.();
  globalThis.gc?.();
  heap.push(process.memoryUsage().heapUsed);
}
clearInterval(alive);
const [, first = 0] = heap;
const last = heap.at(-1) ?? 0;
process.stdout.write(
  JSON.stringify({ requests, pending: router.pendingRequestCount, heapBytes: heap, grownBytes: last - first }),
);
process.exit();
