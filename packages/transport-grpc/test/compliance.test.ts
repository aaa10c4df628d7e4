import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import type { Connection, RequestId } from '@agentwire/core';
import { Outbox } from '@agentwire/wire-codec';
import { afterAll, describe, test } from 'vitest';
import { testTransport } from '@agentwire/transport-compliance';
import { createGrpcTransport } from '../src/index.ts';
import { makeIdentity } from './support/certificates.ts';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const MARK = 'an answer that is broken on its way';

/** Sends an answer with the length of its body replaced by one that no message has. */
function malform(connection: Connection, id: RequestId): void {
  const commit = Reflect.get(Outbox.prototype, 'commit');
  Outbox.prototype.commit = function (this: Outbox, end) {
    Outbox.prototype.commit = commit;
    this.bytes[this.bytes.lastIndexOf(MARK, end) - 1] = 0xc1;
    return commit.call(this, end);
  };
  connection.send({ type: 'answer', id, decision: { verdict: { type: 'block', status: 403, body: MARK } } });
}

const common = { malform, features: { reverse: false }, runner: { describe, test } };

testTransport({
  ...common,
  name: 'gRPC, h2c',
  create: ({ clock }) => createGrpcTransport({ clock }),
  address: () => 'grpc://127.0.0.1:0',
  unusedAddress: async () => `grpc://127.0.0.1:${await freePort()}`,
});

const authority = makeIdentity('authority');
const { cert, key } = makeIdentity('agent', authority);

testTransport({
  ...common,
  name: 'gRPC, TLS',
  create: ({ clock }) => createGrpcTransport({ clock, tls: { ca: authority.cert, cert, key } }),
  address: () => 'grpcs://127.0.0.1:0',
  unusedAddress: async () => `grpcs://127.0.0.1:${await freePort()}`,
});

const folder = mkdtempSync(`${tmpdir()}/aw-`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;

testTransport({
  ...common,
  name: 'gRPC, Unix socket',
  create: ({ clock }) => createGrpcTransport({ clock }),
  address: () => `grpc+unix:${folder}/${(sockets += 1)}.sock`,
});
