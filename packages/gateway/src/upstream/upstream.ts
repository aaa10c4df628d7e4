import { AgentwireError } from '@agentwire/core';
import { LinkedList } from '@agentwire/core/internal';
import type { Deadlines } from '../deadlines.ts';
import { type UpstreamDispatchDeps, UpstreamDispatch } from './upstream-dispatch.ts';
import type { ConnectionSettings } from './upstream-connection.ts';
import type {
  OutgoingRequest,
  ResponseHandler,
  TargetConnection,
  TargetConnections,
  UpstreamSender,
  UpstreamUsage,
} from './upstream-messages.ts';

/** Settings of an {@link Upstream}. */
export interface UpstreamSettings extends ConnectionSettings {
  readonly maxConnectionsPerClient: number;
  readonly queueTimeoutMs: number;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Connections to one server, and the queue of requests that wait for one. */
export class Upstream implements UpstreamDispatchDeps, UpstreamSender {
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly queueTimeoutMs: number;
  /** Deadlines of the gateway. */
  readonly deadlines: Deadlines;
  readonly #settings: UpstreamSettings;
  /** Creates connections; `undefined` until the client is loaded, and requests wait in the queue until then. */
  #target: TargetConnections | undefined;
  readonly #maxPerClient: number;
  readonly #connections: TargetConnection[] = [];
  /** Idle connections; the last one is used first, so that the others may be closed by the upstream. */
  readonly #idle: TargetConnection[] = [];
  readonly #busy = new LinkedList<UpstreamDispatch>();
  readonly #queue = new LinkedList<UpstreamDispatch>();
  /** Connections per client address, where that is limited. */
  readonly #perClient = new Map<string, number>();
  #closed = false;
  #retired = false;

  constructor(settings: UpstreamSettings, deadlines: Deadlines) {
    this.#settings = settings;
    this.timeoutMs = settings.timeoutMs;
    this.idleTimeoutMs = settings.idleTimeoutMs;
    this.queueTimeoutMs = settings.queueTimeoutMs;
    this.deadlines = deadlines;
    this.#maxPerClient = settings.maxConnectionsPerClient;
    void this.#load();
  }

  /** Loads undici (110 files) with the first gateway, not with the import of this package, which `agentwire` has for all. */
  async #load(): Promise<void> {
    const { connectionsTo } = await import('./upstream-connection.ts');
    if (this.#settings.protocol === 'http1') this.#target = connectionsTo(this.#settings);
    else {
      const { http2ConnectionsTo } = await import('./http2/stream-connection.ts');
      this.#target = http2ConnectionsTo(this.#settings, this.deadlines);
    }
    this.#serve();
  }

  get host(): string {
    return this.#settings.address.host;
  }

  get target(): string {
    return this.#settings.address.text;
  }

  /** Requests in flight or waiting. */
  get active(): number {
    return this.#busy.size + this.#queue.size;
  }

  /** `true` while requests wait for a connection. */
  get contended(): boolean {
    return this.#queue.size > 0;
  }

  get usage(): UpstreamUsage {
    const idle = this.#idle.filter(({ isConnected }) => isConnected).length;
    return { busy: this.#busy.size, idle, queued: this.#queue.size };
  }

  now(): number {
    return this.deadlines.now();
  }

  /** Sends a request as soon as there is a connection; the response comes through its callbacks. */
  send(request: OutgoingRequest, response: ResponseHandler): UpstreamDispatch {
    const dispatch = new UpstreamDispatch(this, request, response);
    const target = this.#target;
    this.deadlines.add(dispatch);
    if (this.#queue.size === 0 && target !== undefined && this.#hasRoom(target) && this.#mayHave(dispatch)) {
      this.#begin(dispatch, target);
      return dispatch;
    }
    dispatch.place = this.#queue.append(dispatch);
    if (this.#closed) dispatch.abort(new AgentwireError('ERR_CLOSED', 'the gateway is closed'));
    // queued requests come first, unless their clients have all connections that they may have
    else if (this.#maxPerClient !== Infinity) this.#serve();
    return dispatch;
  }

  release(dispatch: UpstreamDispatch): void {
    this.deadlines.delete(dispatch);
    const { connection, place } = dispatch;
    if (place === undefined) return;
    if (this.#queue.remove(place)) return this.#endIfRetired();
    if (connection === undefined || !this.#busy.remove(place)) return;
    this.#count(dispatch, -1);
    this.#idle.push(connection);
    if (this.#retired) process.nextTick(() => this.#endIfRetired());
    // not at once: undici's own bookkeeping comes first
    if (this.#queue.size > 0) process.nextTick(this.#serve);
  }

  readonly #serve = (): void => {
    const target = this.#target;
    if (target === undefined) return;
    for (const dispatch of this.#queue) {
      if (!this.#hasRoom(target)) return;
      if (!this.#mayHave(dispatch)) continue;
      if (dispatch.place !== undefined) this.#queue.remove(dispatch.place);
      this.#begin(dispatch, target);
    }
  };

  #hasRoom(target: TargetConnections): boolean {
    return !this.#closed && this.#busy.size < target.max;
  }

  #begin(dispatch: UpstreamDispatch, target: TargetConnections): void {
    dispatch.place = this.#busy.append(dispatch);
    this.#count(dispatch, 1);
    dispatch.send(this.#idle.pop() ?? this.#create(target));
  }

  #create(target: TargetConnections): TargetConnection {
    const connection = target.create();
    this.#connections.push(connection);
    return connection;
  }

  #mayHave({ request }: UpstreamDispatch): boolean {
    if (this.#maxPerClient === Infinity || request.client === undefined) return true;
    return (this.#perClient.get(request.client) ?? 0) < this.#maxPerClient;
  }

  #count({ request: { client } }: UpstreamDispatch, change: 1 | -1): void {
    if (this.#maxPerClient === Infinity || client === undefined) return;
    const count = (this.#perClient.get(client) ?? 0) + change;
    if (count > 0) this.#perClient.set(client, count);
    else this.#perClient.delete(client);
  }

  evictSlowest(now: number, minMs: number): boolean {
    let slowest: UpstreamDispatch | undefined;
    let since = now - minMs;
    for (const dispatch of this.#busy) {
      const { stalledSince } = dispatch.response;
      if (stalledSince === undefined || stalledSince > since) continue;
      since = stalledSince;
      slowest = dispatch;
    }
    if (slowest === undefined) return false;
    slowest.response.evict();
    return true;
  }

  /** Ends its connections once no request uses them; there must be no new ones. */
  retire(): void {
    this.#retired = true;
    this.#endIfRetired();
  }

  #endIfRetired(): void {
    if (this.#retired && this.active === 0) void this.abort();
  }

  /** Ends every connection now. */
  async abort(): Promise<void> {
    this.#closed = true;
    for (const dispatch of this.#queue) dispatch.abort(new AgentwireError('ERR_CLOSED', 'the gateway is closed'));
    await Promise.all(this.#connections.map((connection) => connection.destroy()));
  }
}
