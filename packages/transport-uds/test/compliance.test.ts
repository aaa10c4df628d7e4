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
  return sent.type === 'cancel' || sent.type === 'flowControl' ? (rest as Message) : sent;
}

/** What arrives in the zentinel dialect, which has no field for some things. */
function throughZentinel(sent: Message): Message {
  // the correlation id is what routes
  if (sent.type === 'requestHeaders')
    return { ...sent, hasBody: undefined, metadata: { ...sent.metadata, correlationId: String(sent.id) } };
  if (sent.type === 'responseHeaders') return { ...sent, hasBody: undefined };
  if (sent.type === 'requestBodyChunk' || sent.type === 'responseBodyChunk') {
    // a field that must be there: without a count it is the chunk's own length
    return { ...sent, bytesTransferred: sent.bytesTransferred ?? sent.data.length };
  }
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

/** Cases that send a drain, which the zentinel dialect has no message for. */
const NEED_DRAIN = ['open.refuse:', 'session.drain:'];

const withoutDrain = Object.assign(
  (name: string, body: () => Promise<void>) => {
    const declare = NEED_DRAIN.some((id) => name.startsWith(id)) ? test.skip : test;
    declare(name, body);
  },
  { skip: test.skip },
);

/** Sockets and servers of this process. */
const openHandles = (): number =>
  process.getActiveResourcesInfo().filter((kind) => /^(Pipe|TCP|TLS)/.test(kind)).length;
const handlesBefore = openHandles();

function testStream(
  subject: Omit<TransportUnderTest, 'runner'>,
  declare: TransportUnderTest['runner']['test'] = test,
): void {
  testTransport({ ...subject, leaks: () => openHandles() - handlesBefore, runner: { describe, test: declare } });
}

for (const encoding of ['json', 'msgpack']) {
  for (const dialect of ['auto', 'documented', 'zentinel'] as const) {
    const isZentinel = dialect === 'zentinel';
    testStream(
      {
        name: `uds, ${dialect} dialect, ${encoding}`,
        create: ({ clock }) => withEncoding(createUdsTransport({ clock, dialect }), encoding),
        address: socketAddress,
        arrivesAs: isZentinel ? throughZentinel : throughDocumented,
      },
      isZentinel ? withoutDrain : test,
    );
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
