import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { arrivesIn, type TransportUnderTest } from '@agentwire/transport-compliance';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { createWebSocketTransport } from 'agentwire/transport-websocket';
import { certificates } from '../../packages/transport-uds/test/certificates/certificates.ts';

/** Transport of the table, without a runner: the table is one. */
export type Column = Omit<TransportUnderTest, 'runner' | 'malform'>;

const folder = mkdtempSync(`${tmpdir()}/aw-kit-`);
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const next = (): number => (made += 1);
const loopback = (scheme: string, path = ''): Pick<Column, 'address' | 'unusedAddress'> => ({
  address: () => `${scheme}://127.0.0.1:0${path}`,
  // binding port 1 needs a privilege, so nothing listens there
  unusedAddress: () => `${scheme}://127.0.0.1:1${path}`,
});
const framed = { arrivesAs: arrivesIn('documented', 'msgpack') };

const DIALS_AGENTS: readonly Column[] = [
  { name: 'memory', create: ({ clock }) => createMemoryTransport({ clock }), address: () => `memory:kit-${next()}` },
  {
    name: 'unix',
    create: ({ clock }) => createUdsTransport({ clock }),
    address: () => `unix:${folder}/${next()}.sock`,
    ...framed,
  },
  { name: 'tcp', create: ({ clock }) => createTcpTransport({ clock }), ...loopback('tcp'), ...framed },
  {
    name: 'tls',
    create: ({ clock }) => createTcpTransport({ clock, tls: certificates }),
    ...loopback('tls'),
    ...framed,
  },
  { name: 'ws', create: ({ clock }) => createWebSocketTransport({ clock }), ...loopback('ws', '/agents'), ...framed },
];

const GRPC: readonly Column[] = [
  {
    name: 'grpc',
    create: ({ clock }) => createGrpcTransport({ clock }),
    ...loopback('grpc'),
    features: { reverse: false },
  },
  {
    name: 'grpc+unix',
    create: ({ clock }) => createGrpcTransport({ clock }),
    address: () => `grpc+unix:${folder}/${next()}.sock`,
    features: { reverse: false },
  },
];

/** Every transport in every direction: `reverse-…` is the one in which the agent dials. */
export const COLUMNS: readonly Column[] = [
  ...DIALS_AGENTS,
  ...GRPC,
  ...DIALS_AGENTS.map((column): Column => ({ ...column, name: `reverse-${column.name}`, opener: 'agent' })),
];
