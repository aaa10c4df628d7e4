import { silentLogger } from '@agentwire/core/internal';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';
import type { Worker } from '../../src/workers/worker.ts';
import { Workers } from '../../src/workers/workers.ts';

/** Worker that is ready, and ends, when a test says so. */
class FakeWorker {
  readonly #ready = Promise.withResolvers<boolean>();
  readonly #exited = Promise.withResolvers<void>();
  readonly ready: Promise<boolean> = this.#ready.promise;
  readonly exited: Promise<void> = this.#exited.promise;
  readonly hung = false;
  readonly ageMs = 60_000;
  state = 'starting';

  becomeReady(): void {
    this.state = 'ready';
    this.#ready.resolve(true);
  }

  crash(): void {
    this.state = 'ended';
    this.#ready.resolve(false);
    this.#exited.resolve();
  }

  drain(): Promise<void> {
    this.crash();
    return this.exited;
  }
}

interface Group {
  readonly workers: Workers;
  readonly forked: FakeWorker[];
  readonly clock: ManualClock;
}

async function groupOf(count: number): Promise<Group> {
  const forked: FakeWorker[] = [];
  const clock = createManualClock();
  const fork = (): Worker => {
    const worker = new FakeWorker();
    forked.push(worker);
    // the first ones serve at once
    if (forked.length <= count) worker.becomeReady();
    return worker as unknown as Worker;
  };
  const workers = new Workers({ count, fork, clock, logger: silentLogger });
  expect(await workers.start()).toBe(true);
  return { workers, forked, clock };
}

/** Lets everything run that waits for no test. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const serving = ({ workers }: Group): readonly string[] => workers.all.map(({ state }) => state);

test.each(['restart', 'replacement'])(
  'a worker that crashes while it is replaced is replaced once, where the %s is ready first',
  async (first) => {
    const group = await groupOf(2);
    const { workers, forked, clock } = group;
    const restarted = workers.restart();
    await settle();
    const [old, , byRestart] = forked;
    old?.crash();
    await settle();
    clock.advance(10_000);
    await settle();
    const [, , , byReplacement] = forked;
    const ready = first === 'restart' ? [byRestart, byReplacement] : [byReplacement, byRestart];
    for (const worker of ready) {
      worker?.becomeReady();
      await settle();
    }
    forked[4]?.becomeReady();
    await settle();
    await restarted;
    expect(serving(group)).toEqual(['ready', 'ready']);
    expect(forked[1]?.state).toBe('ended');
  },
);

test('a worker whose place a restart has filled before its replacement began is replaced once', async () => {
  const group = await groupOf(2);
  const { workers, forked, clock } = group;
  const restarted = workers.restart();
  await settle();
  forked[0]?.crash();
  await settle();
  forked[2]?.becomeReady();
  await settle();
  clock.advance(10_000);
  await settle();
  forked[3]?.becomeReady();
  await restarted;
  await settle();
  expect(forked).toHaveLength(4);
  expect(serving(group)).toEqual(['ready', 'ready']);
});
