import type { Hello, Transport } from '@agentwire/core';
import { FEATURES } from '@agentwire/core';
import { COLUMNS } from '../columns.ts';

/** The agent's side in the handshake of programs that are no `serveAgent`. */
export const AGENT_HELLO: Hello = {
  role: 'agent',
  name: 'faults',
  version: '1',
  features: FEATURES,
  encodings: ['msgpack', 'json'],
};

/** Arguments of such a program: the transport of a column and the address to bind. */
export function readProgramArguments(): {
  readonly transport: Transport;
  readonly address: string;
  /** Deadline of handshakes in milliseconds, where one was given. */
  readonly handshakeTimeoutMs?: number;
} {
  const [, , id, address = '', handshakeTimeout] = process.argv;
  const column = COLUMNS.find((one) => one.id === id);
  if (column === undefined) throw new TypeError(`no column is named ${id}`);
  const { transport } = column;
  if (handshakeTimeout === undefined) return { transport, address };
  return { transport, address, handshakeTimeoutMs: Number(handshakeTimeout) };
}

/** Prints the endpoint for the parent process. */
export function announce(endpoint: string): void {
  process.stdout.write(`${JSON.stringify({ event: 'listening', endpoint })}\n`);
}
