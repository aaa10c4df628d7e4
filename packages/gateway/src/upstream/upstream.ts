import { AgentwireError } from '@agentwire/core';
import type { ResolvedGatewayOptions } from '../options/resolve-options.ts';
import type { Sweep } from '../sweep.ts';
import { type CallOwner, UpstreamCall } from './upstream-call.ts';
import type { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamRequest, UpstreamResponse } from './upstream-request.ts';

/** Connections to the one upstream of a gateway, and the requests that wait for one. */
export class Upstream implements CallOwner {
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly queueTimeoutMs: number;
  /** The gateway's only timer. */
  readonly sweep: Sweep;
  readonly #origin: string;
  /** Makes a connection; `undefined` until undici is loaded, and requests wait in the queue until then. */
  #connect: (() => UpstreamConnection) | undefined;
  readonly #maxConnections: number;
  readonly #maxPerClient: number;
  readonly #connections: UpstreamConnection[] = [];
  /** The one that was used last comes first: the others may end for being idle. */
  readonly #idle: UpstreamConnection[] = [];
  readonly #busy = new Set<UpstreamCall>();
  readonly #queue = new Set<UpstreamCall>();
  /** Connections that each client address holds, where that is limited. */
  readonly #held = new Map<string, number>();
  #closed = false;

  constructor(options: ResolvedGatewayOptions, sweep: Sweep) {
    this.timeoutMs = options.upstreamTimeoutMs;
    this.idleTimeoutMs = options.upstreamIdleTimeoutMs;
    this.queueTimeoutMs = options.upstreamQueueTimeoutMs;
    this.sweep = sweep;
    this.#origin = options.upstream.origin;
    this.#maxConnections = options.upstreamConnections;
    this.#maxPerClient = options.maxUpstreamConnectionsPerClient;
    void this.#load(options.upstreamConnectTimeoutMs);
  }

  /** Loads undici (110 files) with the first gateway, not with the import of this package, which `agentwire` has for all. */
  async #load(connectTimeoutMs: number): Promise<void> {
    const { connectionsTo } = await import('./upstream-connection.ts');
    this.#connect = connectionsTo(this.#origin, connectTimeoutMs);
    this.#serve();
  }

  /** Tells whether requests wait for a connection. */
  get contended(): boolean {
    return this.#queue.size > 0;
  }

  now(): number {
    return this.sweep.now();
  }

  /** Sends a request as soon as there is a connection; the response comes through its callbacks. */
  send(request: UpstreamRequest, response: UpstreamResponse): UpstreamCall {
    const call = new UpstreamCall(this, request, response);
    this.#queue.add(call);
    this.sweep.add(call);
    if (this.#closed) call.abort(new AgentwireError('ERR_CLOSED', 'the gateway is closed'));
    // those that wait already come first, unless their shares are used up
    else if (this.#queue.size === 1 || this.#maxPerClient !== Infinity) this.#serve();
    return call;
  }

  release(call: UpstreamCall): void {
    this.sweep.delete(call);
    if (this.#queue.delete(call)) return;
    const { connection } = call;
    if (connection === undefined || !this.#busy.delete(call)) return;
    this.#count(call, -1);
    this.#idle.push(connection);
    // not at once: the connection's own bookkeeping comes first
    if (this.#queue.size > 0) process.nextTick(this.#serve);
  }

  readonly #serve = (): void => {
    const connect = this.#connect;
    if (connect === undefined) return;
    for (const call of this.#queue) {
      if (this.#closed || this.#busy.size >= this.#maxConnections) return;
      if (!this.#mayHave(call)) continue;
      this.#queue.delete(call);
      this.#busy.add(call);
      this.#count(call, 1);
      call.send(this.#idle.pop() ?? this.#create(connect));
    }
  };

  #create(connect: () => UpstreamConnection): UpstreamConnection {
    const connection = connect();
    this.#connections.push(connection);
    return connection;
  }

  #mayHave({ request }: UpstreamCall): boolean {
    if (this.#maxPerClient === Infinity || request.client === undefined) return true;
    return (this.#held.get(request.client) ?? 0) < this.#maxPerClient;
  }

  #count({ request: { client } }: UpstreamCall, change: 1 | -1): void {
    if (this.#maxPerClient === Infinity || client === undefined) return;
    const held = (this.#held.get(client) ?? 0) + change;
    if (held > 0) this.#held.set(client, held);
    else this.#held.delete(client);
  }

  evictSlowest(now: number, minMs: number): boolean {
    let slowest: UpstreamCall | undefined;
    let since = now - minMs;
    for (const call of this.#busy) {
      const { stalledSince } = call.response;
      if (stalledSince === undefined || stalledSince > since) continue;
      since = stalledSince;
      slowest = call;
    }
    if (slowest === undefined) return false;
    slowest.response.evict();
    return true;
  }

  /** Ends every connection now. */
  async abort(): Promise<void> {
    this.#closed = true;
    for (const call of this.#queue) call.abort(new AgentwireError('ERR_CLOSED', 'the gateway is closed'));
    await Promise.all(this.#connections.map((connection) => connection.destroy()));
  }
}
