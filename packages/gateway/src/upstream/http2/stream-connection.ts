import type { Deadlines } from '../../deadlines.ts';
import { type ConnectionSettings, connectionsTo } from '../upstream-connection.ts';
import type {
  ConnectionGate,
  DispatchRequest,
  ExchangeHandler,
  TargetConnection,
  TargetConnections,
} from '../upstream-messages.ts';
import { HttpStream } from './http-stream.ts';
import { NoHttp2, TargetSessions } from './target-sessions.ts';

/** Time after which a target that has selected HTTP/1.1 is offered HTTP/2 again, in milliseconds. */
const REOFFER_MS = 300_000;

/** Place for one request at a time: a stream of HTTP/2, or a connection of HTTP/1.1 where the target has selected that. */
class StreamConnection implements TargetConnection {
  readonly #target: Http2Target;
  #gate: ConnectionGate | undefined;
  #http1: TargetConnection | undefined;
  #onHttp1 = false;

  constructor(target: Http2Target) {
    this.#target = target;
  }

  get gate(): ConnectionGate | undefined {
    return this.#onHttp1 ? this.#http1?.gate : this.#gate;
  }

  get isConnected(): boolean {
    return this.#http1?.isConnected === true;
  }

  dispatch(request: DispatchRequest, handler: ExchangeHandler): void {
    if (this.#target.isHttp1) return this.#overHttp1(request, handler);
    this.#onHttp1 = false;
    this.#target.sessions.take((error, session) => {
      if (session !== undefined) {
        const stream = new HttpStream(session, request, handler);
        this.#gate = stream;
        stream.start();
      } else if (error instanceof NoHttp2 && this.#target.fallBack()) this.#overHttp1(request, handler);
      else handler.onResponseError(error as Error);
    });
  }

  #overHttp1(request: DispatchRequest, handler: ExchangeHandler): void {
    this.#onHttp1 = true;
    this.#http1 ??= this.#target.http1.create();
    this.#http1.dispatch(request, handler);
  }

  async destroy(): Promise<void> {
    this.#target.sessions.destroy();
    await this.#http1?.destroy();
  }
}

/** Server that speaks HTTP/2, or with `protocol: auto` perhaps HTTP/1.1. */
class Http2Target implements TargetConnections {
  readonly sessions: TargetSessions;
  readonly http1: TargetConnections;
  readonly #settings: ConnectionSettings;
  readonly #deadlines: Deadlines;
  #http1Since: number | undefined;

  constructor(settings: ConnectionSettings, deadlines: Deadlines) {
    this.#settings = settings;
    this.#deadlines = deadlines;
    this.sessions = new TargetSessions(settings, deadlines);
    this.http1 = connectionsTo(settings);
  }

  get max(): number {
    const { connections, maxStreamsPerConnection } = this.#settings;
    return this.isHttp1 ? connections : connections * maxStreamsPerConnection;
  }

  get isHttp1(): boolean {
    return this.#http1Since !== undefined && this.#deadlines.now() - this.#http1Since < REOFFER_MS;
  }

  /** Takes the target for one of HTTP/1.1. @returns whether that is allowed */
  fallBack(): boolean {
    if (this.#settings.protocol !== 'auto') return false;
    this.#http1Since = this.#deadlines.now();
    return true;
  }

  create(): TargetConnection {
    return new StreamConnection(this);
  }
}

/** Returns connections of HTTP/2, or of what the target selects with `protocol: auto`. */
export function http2ConnectionsTo(settings: ConnectionSettings, deadlines: Deadlines): TargetConnections {
  return new Http2Target(settings, deadlines);
}
