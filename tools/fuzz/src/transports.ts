import { join } from 'node:path';
import type { Transport } from '@agentwire/core';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';

/** A way between gateway and agents. */
export interface Way {
  readonly id: string;
  readonly transport: () => Transport;
  readonly encodings: readonly string[];
  readonly address: (folder: string, name: string) => string;
}

const unix = (folder: string, name: string): string => `unix:${join(folder, `${name}.sock`)}`;

/** Every way that the fuzzer takes. */
export const WAYS: readonly Way[] = [
  {
    id: 'memory',
    transport: () => createMemoryTransport(),
    encodings: ['json'],
    address: (_, name) => `memory:${name}`,
  },
  { id: 'uds-json', transport: () => createUdsTransport(), encodings: ['json'], address: unix },
  { id: 'uds-msgpack', transport: () => createUdsTransport(), encodings: ['msgpack'], address: unix },
  {
    id: 'uds-zentinel-json',
    transport: () => createUdsTransport({ dialect: 'zentinel' }),
    encodings: ['json'],
    address: unix,
  },
  {
    id: 'uds-zentinel-msgpack',
    transport: () => createUdsTransport({ dialect: 'zentinel' }),
    encodings: ['msgpack'],
    address: unix,
  },
  { id: 'tcp', transport: () => createTcpTransport(), encodings: ['msgpack'], address: () => 'tcp://127.0.0.1:0' },
  {
    id: 'websocket',
    transport: () => createWebSocketTransport(),
    encodings: ['msgpack'],
    address: () => 'ws://127.0.0.1:0/agents',
  },
  { id: 'grpc', transport: () => createGrpcTransport(), encodings: ['json'], address: () => 'grpc://127.0.0.1:0' },
];
