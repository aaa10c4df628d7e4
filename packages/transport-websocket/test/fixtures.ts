import type {
  CloseReason,
  Connection,
  Hello,
  Listener,
  ListenOptions,
  Logger,
  OnConnection,
  Received,
} from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { createWebSocketTransport, type WebSocketTransportOptions } from '@agentwire/transport-websocket';
import { onTestFinished } from 'vitest';

/** A proxy with the basic features. */
export const proxyHello: Hello = { role: 'proxy', name: 'p', version: '1', features: [], encodings: ['msgpack'] };
/** An agent with the basic features. */
export const agentHello: Hello = {
  role: 'agent',
  name: 'a',
  version: '1',
  features: ['streaming'],
  encodings: ['json', 'msgpack'],
};

/** Messages and end of one connection. */
export class Notes {
  readonly messages: Received[] = [];
  readonly closed: Promise<CloseReason>;
  connection: Connection | undefined;
  #onClosed!: (reason: CloseReason) => void;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  /** To be given as `onConnection`. */
  readonly onConnection: OnConnection = (connection) => {
    this.connection = connection;
    return {
      onMessage: (message) => void this.messages.push(message),
      onClose: (reason) => this.#onClosed(reason),
    };
  };
}

/** One turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until `done`. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await turn();
}

/** An agent that listens, with a clock that stands still. */
export interface Serving {
  readonly clock: ManualClock;
  readonly notes: Notes;
  readonly listener: Listener;
  readonly port: number;
  /** Codes of the peers that were refused, as they were logged. */
  readonly refused: unknown[];
}

/** Serves an agent at `ws://127.0.0.1:PORT/agents`. */
export async function serve(
  transport: WebSocketTransportOptions = {},
  options: Partial<ListenOptions> = {},
): Promise<Serving> {
  const clock = createManualClock();
  const refused: unknown[] = [];
  const logger: Logger = { ...silentLogger, warn: (fields) => void refused.push(fields['code']) };
  const notes = new Notes();
  const listener = await createWebSocketTransport({ clock, logger, ...transport }).listen('ws://127.0.0.1:0/agents', {
    self: agentHello,
    onConnection: notes.onConnection,
    ...options,
  });
  onTestFinished(async () => {
    notes.connection?.abort();
    await listener.close();
    // a timer that stays would keep this waiting
    await until(() => clock.pendingTimers === 0);
  });
  return { clock, notes, listener, refused, port: Number(new URL(listener.address).port) };
}
