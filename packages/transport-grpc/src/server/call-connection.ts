import { ConnectionBase, type Message, type OnConnection, type Peer, type Received } from '@agentwire/core';

/**
 * Connection of one ProcessEvent call: it delivers one event, sends one answer, and ends.
 *
 * Handlers see an ordinary connection; it ends by the remote side when the call is answered or cancelled.
 */
export class CallConnection extends ConnectionBase {
  readonly peer: Peer;
  readonly bufferedBytes: number = 0;
  readonly receivedBytes: number;
  readonly #onEnded: () => void;
  readonly #answer: PromiseWithResolvers<Message | undefined> = Promise.withResolvers<Message | undefined>();
  #waiting: Received | undefined;

  constructor(peer: Peer, receivedBytes: number, onEnded: () => void) {
    super('grpc-call');
    this.peer = peer;
    this.receivedBytes = receivedBytes;
    this.#onEnded = onEnded;
  }

  /** Opens it and delivers the event. @returns the handler's answer; undefined when it ends without one */
  async ask(event: Received, onConnection: OnConnection, signal: AbortSignal): Promise<Message | undefined> {
    const giveUp = (): void => this.#finish(undefined);
    try {
      this.attach(onConnection);
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      if (this.paused) this.#waiting = event;
      else this.deliver(event);
      if (event.type === 'requestComplete' || event.type === 'cancel') giveUp();
      return await this.#answer.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
      giveUp();
    }
  }

  #finish(answer: Message | undefined): void {
    this.#answer.resolve(answer);
    if (this.status === 'closed') return;
    this.ended({ by: 'remote' });
    this.#onEnded();
  }

  override resume(): void {
    super.resume();
    const event = this.#waiting;
    this.#waiting = undefined;
    if (event !== undefined) this.deliver(event);
  }

  /** Ends the call with the first answer; other messages have no place in it. */
  protected write(message: Message): boolean {
    // the handler is still inside send: its end comes after
    if (message.type === 'answer' || message.type === 'pong') queueMicrotask(() => this.#finish(message));
    return true;
  }

  protected startClose(): void {
    this.#finish(undefined);
  }

  protected destroy(): void {
    this.#answer.resolve(undefined);
    queueMicrotask(this.#onEnded);
  }
}
