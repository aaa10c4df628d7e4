import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Transport } from '@agentwire/core';
import { arrivesIn, testTransport, type TransportUnderTest } from '@agentwire/transport-compliance';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { afterAll, describe, test } from 'vitest';
import { certificates } from './certificates/certificates.ts';

const folder = mkdtempSync(`${tmpdir()}/aw-`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;
const socketAddress = (): string => `unix:${folder}/${(sockets += 1)}.sock`;

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
        arrivesAs: arrivesIn(isZentinel ? 'zentinel' : 'documented', encoding),
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
    arrivesAs: arrivesIn('documented', 'json'),
  });
}
