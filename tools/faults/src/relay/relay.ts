import { connect, createServer, type Server, type Socket } from 'node:net';
import {
  connect as connectTls,
  type ConnectionOptions,
  createServer as createTlsServer,
  Server as TlsServer,
  type TlsOptions,
} from 'node:tls';
import { parseEndpoint } from '@agentwire/core';
import { certificates } from '../../../../packages/transport-uds/test/certificates/certificates.ts';
import { through } from '../reverse/reversed-transport.ts';
import { turn } from '../wait.ts';

/** Way in which the relay ends a link. */
export type CutKind = 'destroy' | 'fin' | 'rst';

/** Changes what passes in one direction of one link: gets each chunk, gives what goes on instead of it. */
export type Change = (chunk: Buffer) => Buffer;

/** Options of a {@link Relay}. */
export interface RelayOptions {
  /** Made anew for every link. */
  readonly toAgent?: () => Change;
  readonly toProxy?: () => Change;
  /** Bytes at a time that go on, each in a turn of its own; default as they came. */
  readonly pieces?: number;
  /** Ends a link with FIN after so many bytes of one direction. */
  readonly cutAfter?: { readonly direction: 'toAgent' | 'toProxy'; readonly bytes: number };
  /** Set where the agent dials: its own address. */
  readonly agent?: string;
  /** Reads what passes over TLS, instead of its bytes on the wire; so does a relay that changes it. */
  readonly plain?: boolean;
}

/** Target of a socket. */
export type NetAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** Options of `node:net` for an endpoint. */
export function netAddress(endpoint: string): NetAddress {
  const { scheme, target } = parseEndpoint(endpoint);
  if (scheme === 'unix') return { path: target };
  // a WebSocket's address has a path
  const [, host = '', port] = /^(?:\/\/)?(.+):(\d+)(?:\/.*)?$/.exec(target) ?? [];
  return { host, port: Number(port) };
}

/** One connection through a relay. */
export class Link {
  readonly proxy: Socket;
  readonly agent: Socket;
  /** Every byte that went on, in each direction. */
  readonly passed = { toAgent: 0, toProxy: 0 };
  /** Bytes that went to the agent, while they are recorded. */
  recorded: Buffer[] | undefined;
  #stalled = false;

  constructor(proxy: Socket, agent: Socket, options: RelayOptions) {
    this.proxy = proxy;
    this.agent = agent;
    for (const socket of [proxy, agent]) socket.setNoDelay?.(true).on('error', () => socket.destroy());
    this.#pipe(proxy, agent, 'toAgent', options);
    this.#pipe(agent, proxy, 'toProxy', options);
  }

  #pipe(from: Socket, to: Socket, direction: 'toAgent' | 'toProxy', options: RelayOptions): void {
    const change = options[direction]?.();
    const limit = options.cutAfter?.direction === direction ? options.cutAfter.bytes : Infinity;
    let queue = Promise.resolve();
    const put = (bytes: Buffer): void => {
      const rest = limit - this.passed[direction];
      const allowed = bytes.length < rest ? bytes : bytes.subarray(0, rest);
      this.passed[direction] += allowed.length;
      if (direction === 'toAgent') this.recorded?.push(Buffer.from(allowed));
      if (allowed.length > 0 && to.writable) to.write(allowed);
      if (this.passed[direction] >= limit) this.cut('fin');
    };
    const inPieces = async (bytes: Buffer, size: number): Promise<void> => {
      for (let at = 0; at < bytes.length; at += size) {
        put(bytes.subarray(at, at + size));
        await turn();
      }
    };
    from.on('data', (chunk: Buffer) => {
      const bytes = change === undefined ? chunk : change(chunk);
      const { pieces } = options;
      if (pieces === undefined) put(bytes);
      else queue = queue.then(() => inPieces(bytes, pieces));
    });
    from.on('end', () => void queue.then(() => !this.#stalled && to.end()));
    from.on('close', () => void queue.then(() => !this.#stalled && to.destroy()));
  }

  /** Lets nothing pass any more, and says nothing. */
  stall(): void {
    this.#stalled = true;
    this.proxy.pause();
    this.agent.pause();
  }

  /** Reads nothing more from one side; the other direction goes on. */
  stopReading(side: 'proxy' | 'agent'): void {
    this[side].pause();
  }

  /** Ends the link as `kind` says. */
  cut(kind: CutKind): void {
    for (const socket of [this.proxy, this.agent]) {
      if (kind === 'fin') socket.end();
      else if (kind === 'rst') socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  destroy(): void {
    this.proxy.destroy();
    this.agent.destroy();
  }
}

/** Real sockets between proxy and agent that can cut, stall and change what passes. */
export class Relay {
  /** Address that proxies dial. */
  readonly endpoint: string;
  readonly links = new Set<Link>();
  /** The link that was made last. */
  last: Link | undefined;
  readonly #server: Server;

  private constructor(server: Server, endpoint: string, target: NetAddress, options: RelayOptions) {
    this.#server = server;
    this.endpoint = endpoint;
    const isTls = server instanceof TlsServer;
    server.on(isTls ? 'secureConnection' : 'connection', (dialling: Socket) => {
      const where = { ...target, allowHalfOpen: true };
      const dialled = isTls ? connectTls({ ...certificates, ...where } as ConnectionOptions) : connect(where);
      const [proxy, agent] = options.agent === undefined ? [dialling, dialled] : [dialled, dialling];
      const link = new Link(proxy, agent, options);
      if (this.recording) link.recorded = [];
      this.last = link;
      this.links.add(link);
      // a link that is stalled keeps one side open after the other has gone
      const onClose = (): void => void (proxy.closed && agent.closed && this.links.delete(link));
      proxy.on('close', onClose);
      agent.on('close', onClose);
    });
  }

  /** Set when new links record what goes to the agent. */
  recording = false;

  static async open(address: string, target: string, options: RelayOptions): Promise<Relay> {
    const reads = options.plain === true || options.toAgent !== undefined || options.toProxy !== undefined;
    const isTls = reads && parseEndpoint(address).scheme === 'tls';
    const server = isTls
      ? createTlsServer({ ...(certificates as TlsOptions), allowHalfOpen: true })
      : createServer({ allowHalfOpen: true });
    const listening = netAddress(address);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(listening, resolve);
    await promise;
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : undefined;
    const here = port === undefined ? address : address.replace(/:0$/, `:${port}`);
    const endpoint = options.agent === undefined ? here : through(options.agent, here);
    return new Relay(server, endpoint, netAddress(target), options);
  }

  async close(): Promise<void> {
    for (const link of this.links) link.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}
