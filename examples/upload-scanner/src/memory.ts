import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Memory in bytes. */
export interface Memory {
  /** V8's heap. */
  readonly heap: number;
  /** Buffers outside of it. */
  readonly buffers: number;
  /** What the process takes of the machine's memory. */
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

/** In a child: says that it is ready, and answers every message with how far its memory has grown at most since the first. */
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

/** In the parent: how far a child's memory has grown at most since this was first asked. */
export async function memoryGrowth(child: ChildProcess): Promise<Memory> {
  child.send('memory');
  const [growth] = (await once(child, 'message')) as [Memory];
  return growth;
}
