import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { RequestHeaders } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { codecPair, FORMATS, frameOf } from './codec-pair.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const READS = 300;
/** Requests in one read of some 60 KB. */
const IN_A_READ = 64;

function head(id: number, format: { readonly dialect: string }): RequestHeaders {
  return {
    type: 'requestHeaders',
    id: format.dialect === 'documented' ? id : `id-${id}`,
    metadata: {
      correlationId: `id-${id}`,
      requestId: `request-${id}`,
      clientIp: `2001:db8:1234:5678::${id.toString(16)}`,
      clientPort: 1,
      protocol: 'HTTP/1.1',
      timestamp: '2026-01-01T00:00:00Z',
    },
    method: 'GET',
    uri: '/',
    headers: ['x-filling', `${id}`.padEnd(700, '.')],
    hasBody: false,
  };
}

describe('a text that is kept of one message', () => {
  test.each(FORMATS)('keeps no more than that message alive: $dialect $encoding', (format) => {
    const { proxy, agent } = codecPair(format.dialect, format.encoding);
    const read = Buffer.concat(Array.from({ length: IN_A_READ }, (_, at) => frameOf(proxy, head(at, format))));
    const kept: string[] = [];
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < READS; i++) {
      const bytes = Buffer.from(read);
      for (let at = 0; at < bytes.length;) {
        const next = at + 4 + bytes.readUInt32BE(at);
        const message = agent.read(bytes[at + 4] as number, bytes, at + 5, next);
        if (at === 0 && message?.type === 'requestHeaders') kept.push(message.metadata.clientIp);
        at = next;
      }
    }
    collect();
    const grown = process.memoryUsage().heapUsed - before;
    expect(kept.length).toBe(READS);
    // whole reads would be 18 MB
    expect(grown).toBeLessThan(5e6);
  });
});
