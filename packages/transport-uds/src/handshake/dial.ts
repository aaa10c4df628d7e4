import type { Socket } from 'node:net';
import { negotiate, AgentwireError, toAgentwireError, type Connection, type ConnectOptions } from '@agentwire/core';
import { resolveConnectOptions } from '@agentwire/core/internal';
import { MAX_HANDSHAKE_FRAME_BYTES, writeFrame } from '@agentwire/wire-codec';
import { ANSWER_FRAME, checkFirstFrame, OPENING_FRAME, streamMedium } from '@agentwire/wire-codec/internal';
import type { ResolvedStreamOptions } from '../options.ts';
import { StreamConnection } from '../stream/connection.ts';
import { dialError } from '../stream/errors.ts';
import { StreamLink, type LinkUser } from '../stream/link.ts';
import { readAnswer, writeOpening } from './protocol.ts';

/** How to dial: what differs between a Unix socket, TCP and TLS. */
export interface DialPlan {
  /** The transport's name, for connection ids. */
  readonly name: string;
  /** The address in its printed form, for errors. */
  readonly address: string;
  /** Makes the socket, connecting; half-open must be allowed. */
  readonly open: () => Socket;
  /** The event of the socket after which it can be written to. */
  readonly readyEvent: 'connect' | 'secureConnect';
}

/** Dials and does the handshake; settles once. */
export function dial(plan: DialPlan, options: ConnectOptions, stream: ResolvedStreamOptions): Promise<Connection> {
  const { signal, handshakeTimeoutMs: timeoutMs } = resolveConnectOptions(options);
  if (signal?.aborted) return Promise.reject(abortedError(plan.address, signal));
  return new Promise((resolve, reject) => {
    const attempt = new DialAttempt(plan, options, stream, (outcome) => {
      stream.clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      if (outcome instanceof AgentwireError) reject(outcome);
      else resolve(outcome);
    });
    const onAbort = (): void => attempt.fail(abortedError(plan.address, signal));
    const timer = stream.clock.setTimeout(() => attempt.timeOut(timeoutMs), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    attempt.start();
  });
}

function abortedError(address: string, signal: AbortSignal | undefined): AgentwireError {
  return new AgentwireError('ERR_ABORTED', `connecting to ${address} was aborted`, { cause: signal?.reason });
}

class DialAttempt implements LinkUser {
  readonly #plan: DialPlan;
  readonly #options: ConnectOptions;
  readonly #stream: ResolvedStreamOptions;
  readonly #settle: (outcome: Connection | AgentwireError) => void;
  readonly #link: StreamLink;
  #ready = false;
  #settled = false;

  constructor(
    plan: DialPlan,
    options: ConnectOptions,
    stream: ResolvedStreamOptions,
    settle: (outcome: Connection | AgentwireError) => void,
  ) {
    this.#plan = plan;
    this.#options = options;
    this.#stream = stream;
    this.#settle = settle;
    this.#link = new StreamLink(plan.open(), plan.address, this, stream);
  }

  start(): void {
    this.#link.socket.once(this.#plan.readyEvent, () => {
      if (this.#settled) return;
      this.#ready = true;
      try {
        const opening = writeOpening(this.#stream.shape, this.#options.self);
        writeFrame(this.#link.outbox, OPENING_FRAME, opening, MAX_HANDSHAKE_FRAME_BYTES);
      } catch (error) {
        this.fail(toAgentwireError(error, 'ERR_INVALID_ARGUMENT', 'handshake'));
      }
    });
  }

  fail(error: AgentwireError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#link.destroy();
    this.#settle(error);
  }

  timeOut(timeoutMs: number): void {
    const what = this.#ready ? 'did not answer the handshake' : 'could not be reached';
    this.fail(
      new AgentwireError('ERR_TIMEOUT', `${this.#plan.address} ${what} within ${timeoutMs} ms, ${this.#seen()}`),
    );
  }

  #seen(): string {
    const { receivedBytes, incompleteBytes } = this.#link;
    if (receivedBytes === 0) return 'nothing came from it';
    return `${receivedBytes} bytes came from it, ${incompleteBytes} of an unfinished frame`;
  }

  onFrame(type: number, bytes: Buffer, start: number, end: number): void {
    checkFirstFrame(type, ANSWER_FRAME);
    const { self, onConnection } = this.#options;
    const { dialect, hello } = readAnswer(bytes.subarray(start, end), this.#stream.shape, self);
    const peer = negotiate(self, hello, streamMedium(dialect, self, hello));
    const connection = new StreamConnection({
      name: this.#plan.name,
      link: this.#link,
      peer,
      logger: this.#stream.logger,
    });
    this.#settled = true;
    try {
      this.#link.outbox.transaction(() => connection.open(onConnection));
    } catch (error) {
      this.#link.destroy();
      this.#settle(toAgentwireError(error, 'ERR_HANDLER', 'onConnection'));
      return;
    }
    this.#settle(connection);
  }

  onFault(error: AgentwireError): void {
    this.fail(error);
  }

  onDrain(): void {
    // one small frame never fills the outbox
  }

  onPeerEnd(): void {
    this.fail(
      new AgentwireError(
        'ERR_CONNECT',
        `${this.#plan.address} closed the connection in the handshake, ${this.#seen()}`,
      ),
    );
  }

  onGone(error: AgentwireError | undefined): void {
    const { address } = this.#plan;
    if (!this.#ready && error !== undefined) this.fail(dialError(error.cause, address));
    else {
      const what = error === undefined ? '' : ` (${error.message})`;
      this.fail(
        new AgentwireError(
          'ERR_CONNECT',
          `${address} dropped the connection in the handshake${what}, ${this.#seen()}`,
          {
            cause: error,
          },
        ),
      );
    }
  }
}
