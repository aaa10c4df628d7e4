import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Admission, negotiate, AgentwireError, parseEndpoint, systemClock, toAgentwireError } from '@agentwire/core';
import type {
  Clock,
  Connection,
  ConnectOptions,
  ErrorCode,
  Hello,
  Listener,
  ListenOptions,
  MediumTraits,
  Transport,
} from '@agentwire/core';
import { PortConnection } from './port-connection.ts';

/** Options of {@link createWorkerTransport}. */
export interface WorkerTransportOptions {
  /** A port whose other end is another thread's `accept`; needed to connect. */
  readonly dial?: MessagePort | undefined;
  /** A port whose other end is another thread's `dial`; needed to listen. */
  readonly accept?: MessagePort | undefined;
  /** Time for deadlines; default the clock of this machine. */
  readonly clock?: Clock | undefined;
}

// #region medium
const MEDIUM: MediumTraits = {
  dialect: 'documented',
  encoding: 'v8',
  ids: 'number',
  maxMessageBytes: 16 * 1024 * 1024,
};
// #endregion

/** Message that opens a connection at an `accept` port. */
interface Dial {
  readonly to: string;
  readonly hello: Hello;
  readonly port: MessagePort;
}

/** First message to the dialling side. */
type Greeting =
  { readonly hello: Hello } | { readonly refused: { readonly code: ErrorCode; readonly message: string } };

/** Makes a transport between threads: `worker:NAME`, over ports that the threads have been given. */
export function createWorkerTransport(options: WorkerTransportOptions): Transport {
  const { dial, accept, clock = systemClock } = options;
  const listeners = new Map<string, (dialled: Dial) => void>();

  // #region connect
  async function connect(
    text: string,
    { self, onConnection, signal, handshakeTimeoutMs = 10_000 }: ConnectOptions,
  ): Promise<Connection> {
    const to = addressOf(text);
    if (dial === undefined) throw new AgentwireError('ERR_CONNECT', `there is no port to dial ${to} with`);
    if (signal?.aborted) throw new AgentwireError('ERR_ABORTED', `connecting to ${to} was aborted`);
    const { port1: port, port2 } = new MessageChannel();
    const opened = Promise.withResolvers<Connection>();
    const fail = (code: ErrorCode, why: string): void => opened.reject(new AgentwireError(code, `${to}: ${why}`));
    const onAbort = (): void => fail('ERR_ABORTED', 'connecting was aborted');
    const onPortClose = (): void => fail('ERR_CONNECT', 'the other side hung up');
    const timer = clock.setTimeout(
      () => fail('ERR_TIMEOUT', `no handshake in ${handshakeTimeoutMs} ms`),
      handshakeTimeoutMs,
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    port.once('close', onPortClose);
    port.once('message', (greeting: Greeting) => {
      try {
        if ('refused' in greeting)
          throw new AgentwireError(greeting.refused.code, `${to} refused: ${greeting.refused.message}`);
        const connection = new PortConnection(port, negotiate(self, greeting.hello, MEDIUM), clock);
        connection.open(onConnection);
        opened.resolve(connection);
      } catch (error) {
        opened.reject(toAgentwireError(error, 'ERR_HANDLER', 'onConnection'));
      }
    });
    dial.postMessage({ to, hello: self, port: port2 }, [port2]);
    try {
      return await opened.promise;
    } catch (error) {
      port.close();
      throw error;
    } finally {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      port.off('close', onPortClose);
    }
  }
  // #endregion

  // #region listen
  async function listen(text: string, listenOptions: ListenOptions): Promise<Listener> {
    const address = addressOf(text);
    if (accept === undefined) throw new AgentwireError('ERR_CONNECT', `there is no port to accept ${address} on`);
    if (listeners.has(address)) throw new AgentwireError('ERR_CONNECT', `${address} is taken`);
    const admission = new Admission(listenOptions, clock, address);
    const onDial = ({ hello, port }: Dial): void => void admit(admission, listenOptions, hello, port, clock);
    listeners.set(address, onDial);
    accept.ref();
    const close = async (): Promise<void> => {
      if (listeners.get(address) === onDial) listeners.delete(address);
      if (listeners.size === 0) accept.unref();
      admission.close();
    };
    return {
      address,
      get connectionCount() {
        return admission.connectionCount;
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  accept?.on('message', (dialled: Dial) => {
    const onDial = listeners.get(dialled.to);
    if (onDial === undefined) refuse(dialled.port, new AgentwireError('ERR_CONNECT', 'there is no listener'));
    else onDial(dialled);
  });
  accept?.unref();
  // #endregion

  return { name: 'worker', schemes: ['worker'], dials: ['proxy', 'agent'], connect, listen };
}

// #region admit
async function admit(
  admission: Admission,
  options: ListenOptions,
  hello: Hello,
  port: MessagePort,
  clock: Clock,
): Promise<void> {
  const pending = admission.begin();
  const onLeft = (): void => pending.fail(new AgentwireError('ERR_CLOSED', 'the peer left'));
  port.once('close', onLeft);
  try {
    const peer = negotiate(options.self, hello, MEDIUM);
    await pending.authorize(hello, { token: hello.token });
    port.off('close', onLeft);
    const leave = admission.enter();
    const connection = new PortConnection(port, peer, clock, leave);
    try {
      connection.open(options.onConnection, { hello: options.self });
    } catch (error) {
      const known = toAgentwireError(error, 'ERR_REFUSED');
      refuse(port, known);
      connection.abort(known);
    }
  } catch (error) {
    refuse(port, toAgentwireError(error, 'ERR_REFUSED'));
  } finally {
    pending.done();
  }
}

function refuse(port: MessagePort, { code, message }: AgentwireError): void {
  port.postMessage({ refused: { code, message } } satisfies Greeting, []);
  port.close();
}
// #endregion

// #region address
function addressOf(text: string): string {
  const { scheme, address } = parseEndpoint(text);
  if (scheme === 'worker') return address;
  throw new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `the worker transport serves worker:NAME, not ${JSON.stringify(address)}`,
  );
}
// #endregion
