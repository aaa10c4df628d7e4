import { join } from 'node:path';
import type { Hello, Transport } from '@agentwire/core';
import { FEATURES } from '@agentwire/core';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import reversed from './reverse/reversed-transport.ts';

/** A way for proxy and agent to talk. */
export interface Column {
  readonly id: string;
  /** Wire format: frames of the stream transports, or HTTP/2. */
  readonly medium: 'frames' | 'http2';
  readonly encoding: 'json' | 'msgpack' | 'protobuf';
  readonly dialect: 'documented' | 'zentinel';
  readonly transport: Transport;
  /** Hello of the proxy. */
  readonly hello: Hello;
  /** Set where the agent dials. */
  readonly reverse?: 'uds' | 'tcp' | 'tls' | undefined;
  /** Set when the short run includes it. */
  readonly quick: boolean;
  /** An address to listen on, of its own in `folder`. */
  address(folder: string): string;
}

let sockets = 0;
const unixAddress = (folder: string): string => `unix:${join(folder, `${(sockets += 1)}.sock`)}`;

function hello(encodings: readonly string[]): Hello {
  return { role: 'proxy', name: 'faults', version: '1', features: FEATURES, encodings };
}

function unixColumn(encoding: 'json' | 'msgpack', dialect: Column['dialect']): Column {
  return {
    id: dialect === 'documented' ? `uds-${encoding}` : `uds-zentinel-${encoding}`,
    medium: 'frames',
    encoding,
    dialect,
    quick: dialect === 'documented',
    transport: createUdsTransport({ dialect }),
    hello: hello([encoding]),
    address: unixAddress,
  };
}

/** The agent dials its proxy; the program of the agent is told when by {@link reversed}. */
function reverseColumn(reverse: 'uds' | 'tcp' | 'tls', encoding: 'json' | 'msgpack'): Column {
  return {
    id: `reverse-${reverse}`,
    medium: 'frames',
    encoding,
    dialect: 'documented',
    reverse,
    quick: reverse === 'tls',
    transport: reversed,
    hello: hello([encoding]),
    address: (folder) => `rev-${reverse}:${join(folder, `${(sockets += 1)}.sock`)}`,
  };
}

/** Every column of the board, in its order. A new one needs no change anywhere else. */
export const COLUMNS: readonly Column[] = [
  unixColumn('json', 'documented'),
  unixColumn('msgpack', 'documented'),
  {
    id: 'grpc',
    medium: 'http2',
    encoding: 'protobuf',
    dialect: 'zentinel',
    quick: true,
    transport: createGrpcTransport(),
    hello: hello(['json']),
    address: () => 'grpc://127.0.0.1:0',
  },
  unixColumn('json', 'zentinel'),
  unixColumn('msgpack', 'zentinel'),
  reverseColumn('uds', 'msgpack'),
  reverseColumn('tcp', 'json'),
  reverseColumn('tls', 'msgpack'),
];
