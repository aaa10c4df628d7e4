import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Message, Transport } from '@agentwire/core';
import { testTransport, type TransportUnderTest } from '@agentwire/transport-compliance';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { afterAll, describe, test } from 'vitest';
import { certificates } from './certificates/certificates.ts';

const folder = mkdtempSync(`${tmpdir()}/aw-`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;
const socketAddress = (): string => `unix:${folder}/${(sockets += 1)}.sock`;

/** What the documented dialect has no field for. */
function throughDocumented(sent: Message): Message {
  const { timestampMs: _, ...rest } = sent as Message & { timestampMs?: number };
  if (sent.type === 'cancel' || sent.type === 'flowControl') return rest as Message;
  if (sent.type !== 'requestBodyChunk') return sent;
  const { totalSize: _total, ...chunk } = sent;
  return chunk;
}

/** What the zentinel dialect has no field for. */
function throughZentinel(sent: Message): Message {
  if (sent.type === 'requestHeaders' || sent.type === 'responseHeaders') return { ...sent, hasBody: false };
  if (sent.type !== 'healthStatus') return sent;
  const { agentId, state, message, load, resources, validUntilMs, timestampMs } = sent;
  return { type: 'healthStatus', agentId, state, message, load, resources, validUntilMs, timestampMs };
}

/** The same transport between two sides that have one encoding only. */
function withEncoding(transport: Transport, encoding: string): Transport {
  return {
    ...transport,
    connect: (address, options) =>
      transport.connect(address, { ...options, self: { ...options.self, encodings: [encoding] } }),
    listen: (address, options) =>
      transport.listen(address, { ...options, self: { ...options.self, encodings: [encoding] } }),
  };
}

function testStream(subject: Omit<TransportUnderTest, 'runner'>): void {
  testTransport({ ...subject, runner: { describe, test } });
}

for (const encoding of ['json', 'msgpack']) {
  for (const dialect of ['auto', 'documented', 'zentinel'] as const) {
    testStream({
      name: `uds, ${dialect} dialect, ${encoding}`,
      create: ({ clock }) => withEncoding(createUdsTransport({ clock, dialect }), encoding),
      address: socketAddress,
      arrivesAs: dialect === 'zentinel' ? throughZentinel : throughDocumented,
    });
  }
}

for (const scheme of ['tcp', 'tls']) {
  testStream({
    name: scheme,
    create: ({ clock }) => createTcpTransport({ clock, tls: certificates }),
    address: () => `${scheme}://127.0.0.1:0`,
    // port 1 needs a privilege that nobody uses here
    unusedAddress: () => `${scheme}://127.0.0.1:1`,
    arrivesAs: throughDocumented,
  });
}
