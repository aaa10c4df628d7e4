// prints nanoseconds a call as JSON: node --conditions=@agentwire/source bench/time.ts
// a process of its own: a test runner's module loader costs more than the code measured here
import { HeaderMap, internHeaderName, names } from '../src/index.ts';

/** A browser's request as a proxy sees it: 20 headers. */
const pairs: [string, string][] = [
  ['Host', 'example.com'],
  ['Connection', 'keep-alive'],
  ['Cache-Control', 'max-age=0'],
  ['DNT', '1'],
  ['Upgrade-Insecure-Requests', '1'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0'],
  ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['Sec-Fetch-Site', 'none'],
  ['Sec-Fetch-Mode', 'navigate'],
  ['Sec-Fetch-User', '?1'],
  ['Sec-Fetch-Dest', 'document'],
  ['Referer', 'https://a.example/'],
  ['Accept-Encoding', 'gzip, deflate, br, zstd'],
  ['Accept-Language', 'de,en;q=0.8'],
  ['Cookie', 'a=1; b=2'],
  ['X-Forwarded-For', '192.0.2.1'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Request-Id', 'f3b1c2d4'],
  ['If-None-Match', '"abc"'],
  ['Authorization', 'Bearer abcdef'],
];
const raw = pairs.flat();
const object = Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
/** Known names, each spelling in a string of its own as a parser makes them. */
const lower = Object.values(names).map((name) => Buffer.from(name).toString());
const title = lower.map((name) => name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()));
const upper = lower.map((name) => name.toUpperCase());
const bytes = title.map((name) => Buffer.from(name));

interface Readable {
  get(name: string): string | null | undefined;
}
/** Headers that a typical agent reads. */
const readFour = (headers: Readable): number =>
  (headers.get('host')?.length ?? 0) +
  (headers.get('user-agent')?.length ?? 0) +
  (headers.get('authorization')?.length ?? 0) +
  (headers.get('x-not-there')?.length ?? 0);

type Work = (calls: number) => number;
/** Interned names, each in a loop of its own, so that the engine compiles it for one caller. */
const interning: Record<string, Work> = {
  'intern Title-Case text': (calls) => {
    let total = 0;
    for (let i = 0; i < calls; i++) total += internHeaderName(title[i & 31] ?? '').length;
    return total;
  },
  'intern lower-case text': (calls) => {
    let total = 0;
    for (let i = 0; i < calls; i++) total += internHeaderName(lower[i & 31] ?? '').length;
    return total;
  },
  'intern UPPER-CASE text': (calls) => {
    let total = 0;
    for (let i = 0; i < calls; i++) total += internHeaderName(upper[i & 31] ?? '').length;
    return total;
  },
  'intern bytes': (calls) => {
    let total = 0;
    for (let i = 0; i < calls; i++) total += internHeaderName(bytes[i & 31] ?? '').length;
    return total;
  },
  'Title-Case.toLowerCase()': (calls) => {
    let total = 0;
    for (let i = 0; i < calls; i++) total += (title[i & 31] ?? '').toLowerCase().length;
    return total;
  },
  'lower-case.toLowerCase()': (calls) => {
    let total = 0;
    for (let i = 0; i < calls; i++) total += (lower[i & 31] ?? '').toLowerCase().length;
    return total;
  },
  'bytes.toString().toLowerCase()': (calls) => {
    let total = 0;
    for (let i = 0; i < calls; i++) total += (bytes[i & 31] ?? '').toString('latin1').toLowerCase().length;
    return total;
  },
};

const repeat =
  (call: () => number): Work =>
  (calls) => {
    let total = 0;
    for (let i = 0; i < calls; i++) total += call();
    return total;
  };
const wrapping: Record<string, Work> = {
  'wrap rawHeaders, read 4': repeat(() => readFour(new HeaderMap(raw))),
  'wrap headers object, read 4': repeat(() => readFour(new HeaderMap(object))),
  'new Headers(pairs), read 4': repeat(() => readFour(new Headers(pairs))),
  'wrap rawHeaders, set 1': repeat(() => new HeaderMap(raw).set('x-request-id', 'a').toRaw().length),
  'new Headers(pairs), set 1': repeat(() => {
    const headers = new Headers(pairs);
    headers.set('x-request-id', 'a');
    return headers.get('x-request-id')?.length ?? 0;
  }),
};

/** Nanoseconds per call in one round of `calls`. */
function round(work: Work, calls: number): number {
  const start = performance.now();
  const total = work(calls);
  const elapsed = performance.now() - start;
  if (total === 0) throw new Error('the work was optimised away');
  return (elapsed * 1e6) / calls;
}

// the best of many short rounds in turn, so that other load affects all of them
const best: Record<string, number> = {};
for (let turn = 0; turn < 60; turn++) {
  for (const [name, work] of Object.entries({ ...interning, ...wrapping })) {
    const calls = Math.ceil(4e6 / (best[name] ?? 10_000));
    best[name] = Math.min(best[name] ?? Infinity, Math.round(round(work, calls) * 10) / 10);
  }
}
process.stdout.write(`${JSON.stringify(best)}\n`);
