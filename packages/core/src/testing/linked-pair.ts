import { negotiate } from '../contract/negotiate.ts';
import { ConnectionBase } from '../contract/connection-base.ts';
import type { Connection, ConnectionHandler } from '../contract/connection.ts';
import type { Dialect, Hello, Peer } from '../contract/peer.ts';
import { FEATURES } from '../contract/peer.ts';
import type { OnConnection } from '../contract/transport.ts';
import { AgentwireError } from '../errors.ts';
import type { Message, Received } from '../message/message.ts';

/** One end of a {@link LinkedPair}: a connection that a test can also act upon from below. */
export interface LinkedConnection extends Connection {
  /** Every message that was sent from this end, in order. */
  readonly sent: readonly Message[];
  /** Delivers `message` to this end as if the other had sent it, in its place in the order; good for `Malformed`. */
  inject(message: Received): void;
  /** Makes `send` accept messages but return `false` from now on. */
  holdBack(): void;
  /** Ends {@link holdBack} and calls `onDrain` if `send` has returned `false`. */
  makeRoom(): void;
}

/** Options of {@link createLinkedPair}. */
export interface LinkedPairOptions {
  /** Returns the proxy's handler; default one that ignores everything. */
  readonly onProxy?: OnConnection;
  /** Returns the agent's handler; default one that ignores everything. */
  readonly onAgent?: OnConnection;
  /** Handshake of the proxy, on top of a name and every feature. */
  readonly proxy?: Partial<Hello>;
  /** Handshake of the agent, on top of a name and every feature. */
  readonly agent?: Partial<Hello>;
  /** Kind of request ids that the connection carries; default `number`. */
  readonly ids?: 'number' | 'text';
  /** Default `documented`. */
  readonly dialect?: Dialect;
  /** Longest body chunk in bytes that `send` takes; default 16 MiB. */
  readonly maxMessageBytes?: number;
}

/** Two connected connections without a transport. */
export interface LinkedPair {
  readonly proxy: LinkedConnection;
  readonly agent: LinkedConnection;
}

class Linked extends ConnectionBase implements LinkedConnection {
  readonly peer: Peer;
  readonly sent: Message[] = [];
  bufferedBytes = 0;
  receivedBytes = 0;
  #other!: Linked;
  #inbox: Received[] = [];
  #scheduled = false;
  #holding = false;
  #stopped = false;

  constructor(peer: Peer) {
    super('linked');
    this.peer = peer;
  }

  open(other: Linked, onConnection: OnConnection | undefined): void {
    this.#other = other;
    this.attach(onConnection ?? ((): ConnectionHandler => ({ onMessage: () => undefined, onClose: () => undefined })));
  }

  protected write(message: Message): boolean {
    const bytes = 'data' in message ? (message.data?.length ?? 0) : 0;
    const limit = this.peer.maxMessageBytes;
    if (bytes > limit) {
      throw new AgentwireError(
        'ERR_MESSAGE_TOO_LARGE',
        `${message.type} of ${bytes} bytes, ${this.id} carries up to ${limit}`,
      );
    }
    this.sent.push(message);
    this.#other.inject(message);
    this.#stopped ||= this.#holding;
    return !this.#holding;
  }

  inject(message: Received): void {
    this.#inbox.push(message);
    this.#wake();
  }

  #wake(): void {
    if (this.#scheduled || this.paused || this.status === 'closed') return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      while (this.#inbox.length > 0 && !this.paused && this.status !== 'closed') {
        this.receivedBytes += 1;
        this.deliver(this.#inbox.shift() as Received);
      }
      if (this.#inbox.length > 0 || this.#other.status !== 'closing') return;
      this.ended({ by: 'remote' });
      this.#other.ended({ by: 'local' });
    });
  }

  override resume(): void {
    super.resume();
    this.#wake();
  }

  holdBack(): void {
    this.#holding = true;
  }

  makeRoom(): void {
    this.#holding = false;
    if (!this.#stopped) return;
    this.#stopped = false;
    this.drained();
  }

  protected startClose(): void {
    this.#other.#wake();
  }

  protected destroy(): void {
    this.#inbox = [];
    this.#other.#inbox = [];
    queueMicrotask(() => {
      this.#other.ended({
        by: 'remote',
        error: new AgentwireError('ERR_CLOSED', 'the other side dropped the connection'),
      });
    });
  }
}

/**
 * Makes two connected connections without a transport, for tests of what stands on a connection.
 *
 * Messages are passed on as they are, uncopied, in a later microtask and in order. Nothing stops or is refused by itself:
 * {@link LinkedConnection.holdBack} stops the sender. `close` waits for a paused peer without a deadline.
 */
export function createLinkedPair(options: LinkedPairOptions = {}): LinkedPair {
  const common = { version: '0', features: FEATURES, encodings: ['json'] };
  const proxyHello: Hello = { ...common, name: 'test-proxy', ...options.proxy, role: 'proxy' };
  const agentHello: Hello = { ...common, name: 'test-agent', ...options.agent, role: 'agent' };
  const { dialect = 'documented', ids = 'number', maxMessageBytes = 16 * 1024 * 1024 } = options;
  const medium = { dialect, ids, maxMessageBytes };
  const proxy = new Linked(negotiate(proxyHello, agentHello, medium));
  const agent = new Linked(negotiate(agentHello, proxyHello, medium));
  agent.open(proxy, options.onAgent);
  proxy.open(agent, options.onProxy);
  return { proxy, agent };
}
