import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  EncodedMessage,
  Message,
  Peer,
  Received,
} from '@agentwire/core';
import type { AgentSessionOptions } from '@agentwire/core/session';
import type { AgentRuntime } from '../src/runtime/agent-runtime.ts';

let made = 0;

/** A peer that has every feature, in the documented dialect. */
export const OURS: Peer = {
  role: 'proxy',
  name: 'ours',
  version: '1',
  features: [
    'streaming',
    'cancellation',
    'request_complete',
    'flow_control',
    'health',
    'metrics',
    'lifecycle',
    'errors',
    'slot_ids',
  ],
  encodings: ['json'],
  dialect: 'documented',
  encoding: 'json',
  ids: 'number',
  accepts: new Set(['answer', 'ping', 'pong', 'drain', 'flowControl', 'healthStatus', 'metricsReport']),
  maxMessageBytes: 1 << 24,
  quirks: [],
};

/** The released Zentinel proxy. */
export const RELEASED: Peer = {
  ...OURS,
  name: 'zentinel-proxy',
  features: [],
  dialect: 'zentinel',
  ids: 'text',
  accepts: new Set(['answer', 'pong']),
  quirks: ['challenge_is_allow', 'redirect_is_error', 'response_body_mutation_required', 'response_block_ignored'],
};

/** A connection without any medium: what is sent stands in `sent`. */
export class FakeConnection implements Connection {
  readonly id: string;
  readonly peer: Peer;
  readonly bufferedBytes = 0;
  readonly receivedBytes = 0;
  status: 'open' | 'closing' | 'closed' = 'open';
  readonly sent: Message[] = [];
  readonly #handler: ConnectionHandler;

  constructor(runtime: AgentRuntime, peer: Peer, options: AgentSessionOptions) {
    made += 1;
    this.id = `fake-${made}`;
    this.peer = peer;
    this.#handler = runtime.open(this, { keepalive: false, ...options });
  }

  /** Hands a message to the session. */
  receive(message: Received, encoded?: EncodedMessage): void {
    this.#handler.onMessage(message, encoded);
  }

  /** Decisions sent so far. */
  get answers(): unknown[] {
    return this.sent.flatMap((message) => (message.type === 'answer' ? [message.decision] : []));
  }

  send(message: Message): boolean {
    this.sent.push(message);
    return true;
  }

  pause(): void {
    this.status = 'open';
  }

  resume(): void {
    this.status = 'open';
  }

  async close(): Promise<void> {
    this.#end({ by: 'local' });
  }

  abort(): void {
    this.#end({ by: 'local' });
  }

  #end(reason: CloseReason): void {
    if (this.status === 'closed') return;
    this.status = 'closed';
    this.#handler.onClose(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
