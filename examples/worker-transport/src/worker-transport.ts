// #region head
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { AgentwireError, type Transport } from '@agentwire/core';
import {
  type Acceptor,
  createFramedTransport,
  type FramedOptions,
  type LinkReceiver,
  type MessageLink,
} from '@agentwire/transport-framed';

/** Options of {@link createWorkerTransport}. */
export interface WorkerTransportOptions extends FramedOptions {
  /** A port whose other end is another thread's `accept`; needed to connect. */
  readonly dial?: MessagePort | undefined;
  /** A port whose other end is another thread's `dial`; needed to listen. */
  readonly accept?: MessagePort | undefined;
}

/** Request on an `accept` port for a link. */
interface Opening {
  readonly to: string;
  readonly port: MessagePort;
}
// #endregion

// #region transport
/** Makes a transport between threads: `worker:NAME`, over ports that the threads have been given. */
export function createWorkerTransport({ dial, accept, ...options }: WorkerTransportOptions): Transport {
  const acceptors = new Map<string, Acceptor>();
  accept?.on('message', ({ to, port }: Opening) => {
    const acceptor = acceptors.get(to);
    if (acceptor === undefined) port.close();
    else acceptor.accept(new PortLink(port), { address: to });
  });
  accept?.unref();
  return createFramedTransport(
    {
      name: 'worker',
      schemes: ['worker'],
      dial({ address }) {
        if (dial === undefined) throw new AgentwireError('ERR_CONNECT', `there is no port to dial ${address} with`);
        const { port1, port2 } = new MessageChannel();
        dial.postMessage({ to: address, port: port2 } satisfies Opening, [port2]);
        return new PortLink(port1);
      },
      bind({ address }, acceptor) {
        if (accept === undefined) throw new AgentwireError('ERR_CONNECT', `there is no port to accept ${address} on`);
        if (acceptors.has(address)) throw new AgentwireError('ERR_CONNECT', `${address} is taken`);
        acceptors.set(address, acceptor);
        accept.ref();
        return {
          address,
          close() {
            acceptors.delete(address);
            if (acceptors.size === 0) accept.unref();
          },
        };
      },
    },
    options,
  );
}
// #endregion

// #region link
/** Bytes that may be on the way before a sender waits for the other thread. */
const WINDOW_BYTES = 64 * 1024;

/** One item of the port: a message, the length of one that was read, or `end`. */
type Frame = Uint8Array<ArrayBuffer> | number | 'end';

class PortLink implements MessageLink {
  readonly #port: MessagePort;
  readonly #waiting: (() => void)[] = [];
  #onTheWay = 0;
  #paused = false;
  readonly #untaken: number[] = [];
  #ended = false;
  #peerEnded = false;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  send(bytes: Uint8Array, done: () => void): void {
    // a copy: the memory of `bytes` is used again after `done`
    const message = Uint8Array.from(bytes);
    this.#port.postMessage(message, [message.buffer]);
    this.#onTheWay += bytes.length;
    if (this.#onTheWay <= WINDOW_BYTES) queueMicrotask(done);
    else this.#waiting.push(done);
  }

  start(receiver: LinkReceiver): void {
    this.#port.on('message', (frame: Frame) => {
      if (typeof frame === 'number') {
        this.#onTheWay -= frame;
        this.#waiting.shift()?.();
      } else if (frame === 'end') {
        this.#peerEnded = true;
        receiver.onEnd();
        if (this.#ended) this.#port.close();
      } else {
        this.#untaken.push(frame.length);
        this.#take();
        receiver.onMessage(Buffer.from(frame.buffer), 0, frame.length);
      }
    });
    this.#port.once('close', () =>
      receiver.onClose(this.#ended || this.#peerEnded ? undefined : new Error('the port was closed')),
    );
  }

  /** Reports what was read, which makes the other side wait while this one is paused. */
  #take(): void {
    if (this.#paused) return;
    for (const length of this.#untaken.splice(0)) this.#port.postMessage(length, []);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#take();
  }

  close(): void {
    this.#ended = true;
    this.#port.postMessage('end', []);
    if (this.#peerEnded) this.#port.close();
  }

  abort(): void {
    this.#port.close();
  }
}
// #endregion
