import { buildConnector, Client, type Dispatcher } from 'undici';
import { SocketGate } from './socket-gate.ts';

/** One connection to the upstream: dials when a request needs it, and again after the connection has ended. */
export class UpstreamConnection {
  readonly #client: Client;
  #gate: SocketGate | undefined;

  constructor(origin: string, connect: buildConnector.connector) {
    this.#client = new Client(origin, {
      pipelining: 1,
      // the gateway's own deadlines know whether upstream, client or agent is waited for
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

  /** Gate of the current socket, or of the last one. */
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

/** Returns a function that creates connections to `origin`; dialling fails after `connectTimeoutMs`. */
export function connectionsTo(origin: string, connectTimeoutMs: number): () => UpstreamConnection {
  const connect = buildConnector({ timeout: connectTimeoutMs, allowH2: false });
  return () => new UpstreamConnection(origin, connect);
}
