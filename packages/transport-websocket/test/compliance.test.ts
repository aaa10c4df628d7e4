import { type Connection, type Hello, type RequestId, type Transport } from '@agentwire/core';
import { arrivesIn, testTransport } from '@agentwire/transport-compliance';
import { createWebSocketTransport } from '@agentwire/transport-websocket';
import { Outbox } from '@agentwire/wire-codec';
import { describe, test } from 'vitest';
import { certificates } from '../../transport-uds/test/certificates/certificates.ts';

/** Sockets and servers of this process. */
const openHandles = (): number =>
  process.getActiveResourcesInfo().filter((kind) => /^(Pipe|TCP|TLS)/.test(kind)).length;
const handlesBefore = openHandles();

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

for (const [scheme, encoding, opener] of [
  ['ws', 'json'],
  ['ws', 'msgpack'],
  ['wss', 'msgpack'],
  ['ws', 'msgpack', 'agent'],
] as const) {
  testTransport({
    name: opener === 'agent' ? `reverse ${scheme}` : `${scheme}, ${encoding}`,
    opener,
    create({ clock }) {
      const transport = createWebSocketTransport({ clock, tls: certificates });
      return encoding === 'json' ? preferringJson(transport) : transport;
    },
    address: () => `${scheme}://127.0.0.1:0/agents`,
    // binding port 1 needs a privilege, so nothing listens there
    unusedAddress: () => `${scheme}://127.0.0.1:1/agents`,
    arrivesAs: arrivesIn('documented', encoding),
    malform,
    leaks: () => openHandles() - handlesBefore,
    runner: { describe, test },
  });
}
