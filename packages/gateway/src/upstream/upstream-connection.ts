import { buildConnector, Client, type Dispatcher } from 'undici';
import { SocketGate } from './socket-gate.ts';

/** A place for one connection to the upstream: it dials when a request needs it, and again after the connection has ended. */
export class UpstreamConnection {
  readonly #client: Client;
  #gate: SocketGate | undefined;

  constructor(origin: string, connect: buildConnector.connector) {
    this.#client = new Client(origin, {
      pipelining: 1,
      // the gateway's sweep has these deadlines: it alone knows whether upstream, client or agent is waited for
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (options, callback) => {
        connect(options, (...args) => {
          if (args[0] !== null) return callback(args[0], null);
          this.#gate = new SocketGate(args[1]);
          callback(null, args[1]);
        });
      },
    });
  }

  /** The gate of the connection that stands now, or stood last. */
  get gate(): SocketGate | undefined {
    return this.#gate;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(options, handler);
  }

  destroy(): Promise<void> {
    return this.#client.destroy();
  }
}

/** Prepares connections to `origin` that give up dialling after `connectTimeoutMs`; each call makes one. */
export function connectionsTo(origin: string, connectTimeoutMs: number): () => UpstreamConnection {
  const connect = buildConnector({ timeout: connectTimeoutMs, allowH2: false });
  return () => new UpstreamConnection(origin, connect);
}
