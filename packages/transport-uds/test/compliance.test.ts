import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Connection, Hello, RequestId, Transport } from '@agentwire/core';
import { arrivesIn, testTransport, type TransportUnderTest } from '@agentwire/transport-compliance';
import { Outbox } from '@agentwire/wire-codec';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { afterAll, describe, test } from 'vitest';
import { certificates } from './certificates/certificates.ts';

const folder = mkdtempSync(`${tmpdir()}/aw-`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;
const socketAddress = (): string => `unix:${folder}/${(sockets += 1)}.sock`;

/** The same transport between sides that prefer JSON, where they offer both; the kit's own prefer MessagePack. */
function preferringJson(transport: Transport): Transport {
  const preferred = (self: Hello): Hello =>
    self.encodings.length < 2 ? self : { ...self, encodings: ['json', 'msgpack'] };
  return {
    ...transport,
    connect: (address, options) => transport.connect(address, { ...options, self: preferred(options.self) }),
    listen: (address, options) => transport.listen(address, { ...options, self: preferred(options.self) }),
  };
}

/** Sends a block with its word spelt wrong on the way, which leaves the id readable. */
function malform(connection: Connection, id: RequestId): void {
  const commit = Reflect.get(Outbox.prototype, 'commit');
  Outbox.prototype.commit = function (this: Outbox, end) {
    Outbox.prototype.commit = commit;
    this.bytes.write('blunt', this.bytes.lastIndexOf('block', end));
    return commit.call(this, end);
  };
  connection.send({ type: 'answer', id, decision: { verdict: { type: 'block', status: 403 } } });
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
  testTransport({
    ...subject,
    malform,
    leaks: () => openHandles() - handlesBefore,
    runner: { describe, test: declare },
  });
}

for (const encoding of ['json', 'msgpack']) {
  for (const dialect of ['auto', 'documented', 'zentinel'] as const) {
    const isZentinel = dialect === 'zentinel';
    testStream(
      {
        name: `uds, ${dialect} dialect, ${encoding}`,
        create({ clock }) {
          const transport = createUdsTransport({ clock, dialect });
          return encoding === 'json' ? preferringJson(transport) : transport;
        },
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
    // binding port 1 needs a privilege, so nothing listens there
    unusedAddress: () => `${scheme}://127.0.0.1:1`,
    arrivesAs: arrivesIn('documented', 'json'),
  });
}

const reverse: readonly (readonly [string, TransportUnderTest['address'], ReturnType<typeof arrivesIn>])[] = [
  ['unix', socketAddress, arrivesIn('documented', 'msgpack')],
  ['tcp', () => 'tcp://127.0.0.1:0', arrivesIn('documented', 'msgpack')],
  ['tls', () => 'tls://127.0.0.1:0', arrivesIn('documented', 'msgpack')],
];
for (const [scheme, address, arrivesAs] of reverse) {
  testStream({
    name: `reverse ${scheme}`,
    opener: 'agent',
    create: ({ clock }) =>
      scheme === 'unix' ? createUdsTransport({ clock }) : createTcpTransport({ clock, tls: certificates }),
    address,
    unusedAddress: () => (scheme === 'unix' ? socketAddress() : `${scheme}://127.0.0.1:1`),
    arrivesAs,
  });
}
