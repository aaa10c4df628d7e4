import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Memory in bytes. */
export interface Memory {
  /** V8's heap. */
  readonly heap: number;
  /** Buffers outside of it. */
  readonly buffers: number;
  /** Resident memory of the process. */
  readonly rss: number;
}

const now = (): Memory => {
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers, rss };
};

const merge = (a: Memory, b: Memory, how: (a: number, b: number) => number): Memory => ({
  heap: how(a.heap, b.heap),
  buffers: how(a.buffers, b.buffers),
  rss: how(a.rss, b.rss),
});

/** Reports memory, in a child: sends that it is ready, and answers every message with its peak growth since the first one. */
export function reportMemory(ready = 'ready'): void {
  let start: Memory | undefined;
  let peak: Memory | undefined;
  process.on('message', () => {
    if (start === undefined) {
      start = peak = now();
      setInterval(() => (peak = merge(peak ?? now(), now(), Math.max)), 5).unref();
    }
    process.send?.(merge(merge(peak ?? start, now(), Math.max), start, (a, b) => a - b));
  });
  process.once('disconnect', () => process.exit());
  // a parent that may still ask must not keep a program that is done
  process.channel?.unref();
  process.send?.(ready);
}

/** Asks a child for the peak growth of its memory since the first question. */
export async function memoryGrowth(child: ChildProcess): Promise<Memory> {
  child.send('memory');
  const [growth] = (await once(child, 'message')) as [Memory];
  return growth;
}
