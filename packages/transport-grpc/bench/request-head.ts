// CPU time of one request head with ten header lines, written by a proxy and read by an agent: `pnpm run bench`.
import type { RequestHeaders } from '@agentwire/core';
import { Outbox } from '@agentwire/wire-codec';
import { createCodec } from '../src/codec/codec.ts';
import { PREFIX_BYTES } from '../src/connection/message-reader.ts';

const context = { isAgentwire: true, errors: true, nowMs: () => 0, configureId: () => 'none' };
const HEADERS = [
  ['host', 'shop.example'],
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36'],
  ['accept', 'text/html,application/xhtml+xml'],
  ['accept-language', 'en-US,en;q=0.9'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['cookie', 'a=1; b=2; session=0123456789abcdef'],
  ['x-forwarded-for', '192.0.2.7'],
  ['x-request-id', '7f9c24e5-0000-4000-8000-000000000000'],
  ['content-type', 'application/json'],
  ['content-length', '123'],
].flat();

function head(at: number): RequestHeaders {
  const id = `id-${at}-7f9c24e5`;
  const client = { clientIp: '192.0.2.7', clientPort: 4000 + at, protocol: 'HTTP/1.1', tlsVersion: 'TLSv1.3' };
  const route = { serverName: 'shop.example', routeId: 'route-1', upstreamId: 'upstream-1' };
  const metadata = { correlationId: id, requestId: id, ...client, ...route, timestamp: '2025-01-01T00:00:00.123Z' };
  return { type: 'requestHeaders', id, metadata, method: 'GET', uri: `/a/${at}?x=1`, headers: HEADERS, hasBody: false };
}

const heads = Array.from({ length: 64 }, (_, at) => head(at));
const outbox = new Outbox({ write: () => undefined }, { onDrain: () => undefined });
const proxy = createCodec('proxy', context);
const agent = createCodec('agent', context);

const write = (message: RequestHeaders): number => proxy.write(message, outbox);
const encoded = heads.map((message) => {
  const at = outbox.reserve(0) + PREFIX_BYTES;
  return Buffer.from(outbox.bytes.subarray(at, write(message)));
});

/** CPU nanoseconds per call of `one`, the median of seven runs of 300 ms. */
function measure<T>(items: readonly T[], one: (item: T) => unknown): number {
  const run = (ms: number): number => {
    const from = process.cpuUsage();
    let calls = 0;
    for (const start = performance.now(); performance.now() - start < ms; calls += items.length) items.forEach(one);
    const { user, system } = process.cpuUsage(from);
    return ((user + system) * 1000) / calls;
  };
  run(1000);
  const runs = Array.from({ length: 7 }, () => run(300)).toSorted((a, b) => a - b);
  return Math.round(runs[3] ?? 0);
}

console.log(
  `write: ${measure(heads, write)} ns, read: ${measure(encoded, (bytes) => agent.read(bytes, 0, bytes.length))} ns`,
);
