import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Hello, Transport } from '@agentwire/core';
import { FEATURES } from '@agentwire/core';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';
import { certificateFile, certificates } from '../../../packages/transport-uds/test/certificates/certificates.ts';
import reversed from './reverse/reversed-transport.ts';

/** A way for proxy and agent to talk. */
export interface Column {
  readonly id: string;
  /** Wire format: frames of the stream transports, messages of a WebSocket, or HTTP/2. */
  readonly medium: 'frames' | 'messages' | 'http2';
  readonly encoding: 'json' | 'msgpack' | 'protobuf';
  readonly dialect: 'documented' | 'zentinel';
  readonly transport: Transport;
  /** Hello of the proxy. */
  readonly hello: Hello;
  /** Set over TCP, where a connection can be reset. */
  readonly tcp?: boolean;
  /** Set where the bytes on the wire are encrypted. */
  readonly tls?: boolean;
  /** Further words of `agentwire agent`. */
  readonly agentFlags?: readonly string[];
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

/** Frames over TCP, in plain text or over TLS. */
function tcpColumn(id: 'tcp' | 'tls', encoding: 'json' | 'msgpack'): Column {
  return {
    id,
    medium: 'frames',
    encoding,
    dialect: 'documented',
    tcp: true,
    tls: id === 'tls',
    quick: false,
    transport: createTcpTransport({ tls: certificates }),
    agentFlags:
      id === 'tls' ? ['--tls-cert', certificateFile('server.pem'), '--tls-key', certificateFile('server.key')] : [],
    hello: hello([encoding]),
    address: () => `${id}://127.0.0.1:0`,
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
    tcp: reverse !== 'uds',
    tls: reverse === 'tls',
    quick: reverse === 'tls',
    transport: reversed,
    agentFlags: ['--transport', fileURLToPath(new URL('reverse/reversed-transport.ts', import.meta.url))],
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
    tcp: true,
    encoding: 'protobuf',
    dialect: 'zentinel',
    quick: true,
    transport: createGrpcTransport(),
    hello: hello(['json']),
    address: () => 'grpc://127.0.0.1:0',
  },
  unixColumn('json', 'zentinel'),
  unixColumn('msgpack', 'zentinel'),
  tcpColumn('tcp', 'json'),
  tcpColumn('tls', 'msgpack'),
  {
    id: 'websocket',
    medium: 'messages',
    tcp: true,
    encoding: 'msgpack',
    dialect: 'documented',
    quick: false,
    transport: createWebSocketTransport(),
    hello: hello(['msgpack']),
    address: () => 'ws://127.0.0.1:0',
  },
  reverseColumn('uds', 'msgpack'),
  reverseColumn('tcp', 'json'),
  reverseColumn('tls', 'msgpack'),
];
