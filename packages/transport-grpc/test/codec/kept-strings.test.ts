import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Outbox } from '@agentwire/wire-codec';
import { expect, test } from 'vitest';
import { createCodec } from '../../src/codec/codec.ts';
import { requestHeaders } from '../support/peers.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const READS = 300;
/** Requests in one read of some 60 KB. */
const IN_A_READ = 64;

test('a text that is kept of one message keeps no more than that message alive', () => {
  const context = { isAgentwire: true, errors: true, nowMs: () => 1, configureId: () => 'made-up' };
  const outbox = new Outbox({ write: () => undefined }, { onDrain: () => undefined });
  const head = requestHeaders('id-1');
  const filled = {
    ...head,
    metadata: { ...head.metadata, clientIp: '2001:db8:1234:5678::1' },
    headers: ['x-filling', '.'.repeat(700)],
  };
  const end = createCodec('proxy', context).write(filled, outbox);
  const message = Buffer.from(outbox.bytes.subarray(5, end));
  const agent = createCodec('agent', context);
  const kept: string[] = [];
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < READS; i++) {
    const bytes = Buffer.concat(Array.from({ length: IN_A_READ }, () => message));
    for (let at = 0; at < bytes.length; at += message.length) {
      const read = agent.read(bytes, at, at + message.length);
      if (at === 0 && read?.type === 'requestHeaders') kept.push(read.metadata.clientIp);
    }
  }
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  expect(kept.length).toBe(READS);
  // whole reads would be 16 MB
  expect(grown).toBeLessThan(5e6);
});
