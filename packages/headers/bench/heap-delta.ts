// prints how much a million calls grow the heap, as JSON: node --conditions=@agentwire/source bench/heap-delta.ts
import { HeaderMap, internHeaderName } from '../src/index.ts';

const CALLS = 1_000_000;
const spellings = ['content-type', 'Content-Type', 'X-REQUEST-ID', 'x-forwarded-for'];
const bytes = spellings.map((name) => Buffer.from(name));
const wrapped = new HeaderMap(['Host', 'a', 'Accept', '*/*', 'X-Own', 'b', 'User-Agent', 'c']);

const work = {
  internText: (i: number): number => internHeaderName(spellings[i & 3] ?? '').length,
  internBytes: (i: number): number => internHeaderName(bytes[i & 3] ?? '').length,
  readWrapped: (): number => wrapped.get('user-agent')?.length ?? 0,
  toLowerCase: (i: number): number => (spellings[i & 3] ?? '').toLowerCase().length,
};

/** Growth of the heap in bytes, the least of some rounds: compiling costs the first ones something. */
function heapDelta(call: (i: number) => number): number {
  let least = Infinity;
  for (let round = 0; round < 10; round++) {
    const before = process.memoryUsage().heapUsed;
    let total = 0;
    for (let i = 0; i < CALLS; i++) total += call(i);
    const delta = process.memoryUsage().heapUsed - before;
    if (total > 0 && delta >= 0) least = Math.min(least, delta);
  }
  return least;
}

const figures = Object.entries(work).map(([name, call]) => [name, heapDelta(call)]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(figures))}\n`);
