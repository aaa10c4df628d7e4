import { duplexPair } from 'node:stream';
import { AgentwireError, type Clock, type Transport } from '@agentwire/core';
import {
  type Acceptor,
  createFramedTransport,
  type LinkReceiver,
  type MessageLink,
  streamLink,
} from '@agentwire/transport-framed';

type Queued = { readonly bytes: Buffer; readonly done: () => void } | 'end';

/** One side of a pair of links in this process, with the six members that a link must have and no other. */
export class PairLink implements MessageLink {
  #other: PairLink | undefined;
  #receiver: LinkReceiver | undefined;
  #inbox: Queued[] = [];
  #paused = false;
  #ended = false;
  #peerEnded = false;
  #gone = false;

  static pair(this: void): [PairLink, PairLink] {
    const one = new PairLink();
    const two = new PairLink();
    one.#other = two;
    two.#other = one;
    return [one, two];
  }

  send(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    this.#other?.arrive({ bytes: Buffer.from(bytes), done });
  }

  /** Queues what the other side has sent. */
  arrive(queued: Queued): void {
    if (this.#gone) return;
    this.#inbox.push(queued);
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    while (this.#receiver !== undefined && !this.#paused && !this.#gone) {
      const next = this.#inbox.shift();
      if (next === undefined) return;
      if (next === 'end') {
        this.#peerEnded = true;
        this.#receiver.onEnd();
        this.#closeIfDone();
      } else {
        next.done();
        this.#receiver.onMessage(next.bytes, 0, next.bytes.length);
      }
    }
  }

  #closeIfDone(): void {
    if (!this.#ended || !this.#peerEnded) return;
    this.#gone = true;
    setImmediate(() => this.#receiver?.onClose());
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    setImmediate(() => this.#deliver());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    setImmediate(() => this.#deliver());
  }

  close(): void {
    this.#ended = true;
    this.#other?.arrive('end');
    this.#closeIfDone();
  }

  abort(): void {
    if (this.#gone) return;
    this.#gone = true;
    const other = this.#other;
    setImmediate(() => {
      if (other === undefined || other.#gone) return;
      other.#gone = true;
      other.#receiver?.onClose(new Error('the other side dropped it'));
    });
  }
}

/** Makes a transport between parts of this process: `pair:NAME`. */
export function createInProcessTransport(
  clock: Clock | undefined,
  makePair: () => [MessageLink, MessageLink],
): Transport {
  const acceptors = new Map<string, Acceptor>();
  return createFramedTransport(
    {
      name: 'pair',
      schemes: ['pair'],
      dial({ address }) {
        const acceptor = acceptors.get(address);
        if (acceptor === undefined) throw new AgentwireError('ERR_CONNECT', `nothing listens on ${address}`);
        const [near, far] = makePair();
        acceptor.accept(far, { address });
        return near;
      },
      bind({ address }, acceptor) {
        if (acceptors.has(address)) throw new AgentwireError('ERR_CONNECT', `${address} is taken`);
        acceptors.set(address, acceptor);
        return { address, close: () => void acceptors.delete(address) };
      },
    },
    clock === undefined ? {} : { clock },
  );
}

/** A pair of links over byte streams that are no sockets. */
export function streamPair(): [MessageLink, MessageLink] {
  const [near, far] = duplexPair({ allowHalfOpen: true });
  // the streams of a pair do not tell each other that one was dropped
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.once('close', () => {
      if (!one.writableFinished) other.destroy(new Error('the other side dropped it'));
    });
  }
  return [streamLink(near), streamLink(far)];
}
