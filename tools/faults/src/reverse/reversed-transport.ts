import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AgentwireError,
  type Connection,
  type ConnectOptions,
  DEFAULT_CAPABILITIES,
  type Hello,
  type Listener,
  type ListenOptions,
  parseEndpoint,
  type Transport,
} from '@agentwire/core';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { certificates } from '../../../../packages/transport-uds/test/certificates/certificates.ts';
import { within } from '../wait.ts';
import { giveOrder, takeOrders } from './control.ts';

const tcp = createTcpTransport({ tls: certificates });
/** Real transports by scheme; with each the agent dials. */
const INNER: Readonly<Record<string, Transport>> = { 'rev-uds': createUdsTransport(), 'rev-tcp': tcp, 'rev-tls': tcp };
/** Between an agent's own address and the relay that it is to dial through. */
const VIA = '|';

/** Time for the report of an order whose connection is there, in milliseconds. */
const CARRIED_OUT_MS = 1_000;

let made = 0;

/** A free address, of this process's own, at which agents can dial for an address `text` of {@link reversed}. */
export function freeAddress(text: string, folder: string): string {
  const { scheme } = parseEndpoint(text);
  if (scheme === 'rev-uds') return `unix:${join(folder, `w${process.pid}-${(made += 1)}.sock`)}`;
  return `${scheme === 'rev-tls' ? 'tls' : 'tcp'}://127.0.0.1:0`;
}

/** The address of an agent that dials through something in between. */
export const through = (agent: string, relay: string): string => `${agent}${VIA}${relay}`;

/** The path at which the agent of an address takes orders. */
export const ordersOf = (address: string): string => parseEndpoint(address).target.split(VIA)[0] ?? '';

interface Attempt {
  readonly options: ConnectOptions;
  readonly settle: PromiseWithResolvers<Connection>;
}

/**
 * Transport over which agents dial their proxy although both sides use it as if the proxy dialled: `connect` waits for a
 * registration and orders the agent to dial, `listen` takes such orders. So every row runs on reverse connections as it is.
 */
class ReversedTransport implements Transport {
  readonly name = 'reversed';
  readonly schemes: readonly string[] = Object.keys(INNER);
  readonly dials = ['proxy'] as const;
  readonly #attempts = new Map<string, Attempt>();
  readonly #waiting = new Map<string, Promise<Listener>>();
  #folder: string | undefined;
  #dials = 0;

  /** The address at which this process waits for the agent of `text`. @param self the proxy, the first time */
  async waitFor(text: string, self: Hello): Promise<string> {
    const { scheme } = parseEndpoint(text);
    this.#folder ??= mkdtempSync(join(tmpdir(), 'aw-rev-'));
    const waiting = this.#waiting.get(scheme) ?? this.#listen(scheme, freeAddress(text, this.#folder), self);
    this.#waiting.set(scheme, waiting);
    return (await waiting).address;
  }

  #listen(scheme: string, address: string, self: Hello): Promise<Listener> {
    return this.#inner(scheme).listen(address, {
      self,
      maxConnections: 65_536,
      maxPendingHandshakes: 4_096,
      onConnection: (connection) => {
        const attempt = this.#attempts.get(connection.peer.capabilities?.agentId ?? '');
        if (attempt === undefined) throw new AgentwireError('ERR_REFUSED', 'nothing waits for this agent');
        const handler = attempt.options.onConnection(connection);
        attempt.settle.resolve(connection);
        return handler;
      },
    });
  }

  #inner(scheme: string): Transport {
    const inner = INNER[scheme];
    if (inner === undefined) throw new AgentwireError('ERR_INVALID_ADDRESS', `no reverse connections over ${scheme}`);
    return inner;
  }

  /** Waits for no agent any more. */
  async end(): Promise<void> {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    await Promise.all(waiting.map(async (listener) => (await listener).close()));
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  async connect(text: string, options: ConnectOptions): Promise<Connection> {
    const here = await this.waitFor(text, options.self);
    const [, via] = parseEndpoint(text).target.split(VIA);
    const id = `dial-${process.pid}-${(this.#dials += 1)}`;
    const settle = Promise.withResolvers<Connection>();
    this.#attempts.set(id, { options, settle });
    const over = new AbortController();
    const { signal, handshakeTimeoutMs = 10_000 } = options;
    const onAbort = (): void => settle.reject(new AgentwireError('ERR_ABORTED', 'connecting was aborted'));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    const timer = setTimeout(
      () => settle.reject(new AgentwireError('ERR_TIMEOUT', `no agent registered within ${handshakeTimeoutMs} ms`)),
      handshakeTimeoutMs,
    );
    const carriedOut = giveOrder(ordersOf(text), { dial: via ?? here, id }, over.signal).catch(settle.reject);
    try {
      const connection = await settle.promise;
      // the order's socket is none of the agent's handles then, which rows count
      await within(carriedOut, CARRIED_OUT_MS);
      return connection;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#attempts.delete(id);
      over.abort();
    }
  }

  async listen(text: string, options: ListenOptions): Promise<Listener> {
    const { scheme, address, target } = parseEndpoint(text);
    const inner = this.#inner(scheme);
    let count = 0;
    const server = await takeOrders(target, ({ dial, id }) =>
      inner.connect(dial, {
        self: {
          ...options.self,
          capabilities: { ...(options.self.capabilities ?? DEFAULT_CAPABILITIES), agentId: id },
        },
        handshakeTimeoutMs: options.handshakeTimeoutMs,
        onConnection(connection) {
          const handler = options.onConnection(connection);
          count += 1;
          return {
            onMessage: (message, encoded) => handler.onMessage(message, encoded),
            ...(handler.onDrain !== undefined && { onDrain: () => handler.onDrain?.() }),
            ...(handler.onPeerEnd !== undefined && { onPeerEnd: () => handler.onPeerEnd?.() }),
            onClose: (reason) => {
              count -= 1;
              handler.onClose(reason);
            },
          };
        },
      }),
    );
    const close = async (): Promise<void> => {
      server.close();
    };
    return {
      address,
      get connectionCount() {
        return count;
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  }
}

/** The one transport of the reverse columns; as the default export, what `agentwire agent --transport` loads. */
const reversed: ReversedTransport = new ReversedTransport();
export default reversed;
