import { AgentwireError, negotiate, toAgentwireError, type Connection, type ConnectOptions } from '@agentwire/core';
import { resolveConnectOptions } from '@agentwire/core/internal';
import { MAX_HANDSHAKE_FRAME_BYTES, writeFrame } from '@agentwire/wire-codec';
import { ANSWER_FRAME, checkFirstFrame, OPENING_FRAME, streamMedium } from '@agentwire/wire-codec/internal';
import { Channel, type ChannelUser } from './channel.ts';
import { FramedConnection } from './framed-connection.ts';
import type { ResolvedFramedOptions } from './framed-options.ts';
import { readAnswer, writeOpening } from './handshake-payloads.ts';
import { dialError } from './link-errors.ts';
import type { MessageLink } from './message-link.ts';

/** Parameters of {@link dial}. */
export interface DialDeps {
  /** Prefix of the connection's id. */
  readonly name: string;
  /** The address in its printed form, for errors. */
  readonly address: string;
  /** Opens a link that can be written to; `signal` is aborted when the attempt has failed meanwhile. */
  readonly open: (signal: AbortSignal) => MessageLink | Promise<MessageLink>;
  readonly framed: ResolvedFramedOptions;
}

/** Dials and does the handshake; settles once, and leaves neither timer nor listener behind. */
export function dial(deps: DialDeps, options: ConnectOptions): Promise<Connection> {
  const { address, framed } = deps;
  const { signal, handshakeTimeoutMs: timeoutMs } = resolveConnectOptions(options);
  if (signal?.aborted) return Promise.reject(abortedError(address, signal));
  return new Promise((resolve, reject) => {
    const attempt = new DialAttempt(deps, options, (outcome) => {
      framed.clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      if (outcome instanceof AgentwireError) reject(outcome);
      else resolve(outcome);
    });
    const onAbort = (): void => attempt.fail(abortedError(address, signal));
    const timer = framed.clock.setTimeout(() => attempt.timeOut(timeoutMs), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    void attempt.start();
  });
}

function abortedError(address: string, signal: AbortSignal | undefined): AgentwireError {
  return new AgentwireError('ERR_ABORTED', `connecting to ${address} was aborted`, { cause: signal?.reason });
}

/** One attempt to connect. It is `dialling` until it has a link, then does the `handshake`, and is `settled` once. */
class DialAttempt implements ChannelUser {
  readonly #deps: DialDeps;
  readonly #options: ConnectOptions;
  readonly #onSettled: (outcome: Connection | AgentwireError) => void;
  readonly #dialling = new AbortController();
  #channel: Channel | undefined;
  #state: 'dialling' | 'handshake' | 'settled' = 'dialling';

  constructor(deps: DialDeps, options: ConnectOptions, onSettled: (outcome: Connection | AgentwireError) => void) {
    this.#deps = deps;
    this.#options = options;
    this.#onSettled = onSettled;
  }

  async start(): Promise<void> {
    const { address, framed, open } = this.#deps;
    let link: MessageLink;
    try {
      link = await open(this.#dialling.signal);
    } catch (error) {
      this.fail(dialError(error, address));
      return;
    }
    if (this.#state !== 'dialling') {
      link.abort();
      return;
    }
    this.#state = 'handshake';
    const channel = new Channel(link, address, this, framed);
    this.#channel = channel;
    try {
      const opening = writeOpening(framed.shape, this.#options.self);
      writeFrame(channel.outbox, OPENING_FRAME, opening, MAX_HANDSHAKE_FRAME_BYTES);
      channel.start();
    } catch (error) {
      this.fail(toAgentwireError(error, 'ERR_INVALID_ARGUMENT', 'handshake'));
    }
  }

  #settle(outcome: Connection | AgentwireError): void {
    this.#state = 'settled';
    this.#onSettled(outcome);
  }

  fail(error: AgentwireError): void {
    if (this.#state === 'settled') return;
    if (this.#state === 'dialling') this.#dialling.abort(error);
    this.#channel?.destroy();
    this.#settle(error);
  }

  timeOut(timeoutMs: number): void {
    const failed = this.#state === 'dialling' ? 'could not be reached' : 'did not answer the handshake';
    this.fail(
      new AgentwireError('ERR_TIMEOUT', `${this.#deps.address} ${failed} within ${timeoutMs} ms, ${this.#received()}`),
    );
  }

  #received(): string {
    const { receivedBytes = 0, incompleteBytes = 0 } = this.#channel ?? {};
    if (receivedBytes === 0) return 'nothing came from it';
    return `${receivedBytes} bytes came from it, ${incompleteBytes} of an unfinished frame`;
  }

  onFrame(type: number, bytes: Buffer, start: number, end: number): boolean {
    checkFirstFrame(type, ANSWER_FRAME);
    const { name, framed } = this.#deps;
    const { self, onConnection } = this.#options;
    const { dialect, hello } = readAnswer(bytes.subarray(start, end), framed.shape, self);
    const peer = negotiate(self, hello, streamMedium(dialect, self, hello));
    const channel = this.#channel as Channel;
    const connection = new FramedConnection({ name, channel, peer, logger: framed.logger });
    this.#state = 'settled';
    try {
      channel.outbox.transaction(() => connection.open(onConnection));
    } catch (error) {
      channel.destroy();
      this.#settle(toAgentwireError(error, 'ERR_HANDLER', 'onConnection'));
      return true;
    }
    this.#settle(connection);
    return true;
  }

  onFault(error: AgentwireError): void {
    this.fail(error);
  }

  onDrain(): void {
    // one small frame never fills the outbox
  }

  onPeerEnd(): void {
    this.#failConnect('closed the connection in the handshake');
  }

  onGone(error: AgentwireError | undefined): void {
    const reason = error === undefined ? '' : ` (${error.message})`;
    this.#failConnect(`dropped the connection in the handshake${reason}`, error);
  }

  #failConnect(event: string, cause?: AgentwireError): void {
    this.fail(
      new AgentwireError('ERR_CONNECT', `${this.#deps.address} ${event}, ${this.#received()}`, cause && { cause }),
    );
  }
}
