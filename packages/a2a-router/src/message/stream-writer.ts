import { AgentwireError } from '@agentwire/core';
import type { KernelMessage } from './message.ts';
import type { Payload } from './payload.ts';
import type { Replier } from './reply-channel.ts';

/** Writes that wait for their turn at most. */
const MAX_WAITING = 1024;

/** Sends the parts of one stream in their order, each once the asker has room for it. */
export class StreamWriter {
  readonly #to: KernelMessage;
  readonly #replier: Replier;
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #finished = false;

  constructor(to: KernelMessage, replier: Replier) {
    this.#to = to;
    this.#replier = replier;
  }

  /** Sends a part. */
  write(payload: Payload): Promise<void> {
    return this.#enqueue(async () => {
      await this.#replier.credit(this.#to);
      try {
        await this.#send(payload, 'part');
      } catch (error) {
        this.#replier.restore(this.#to);
        throw error;
      }
    });
  }

  /** Ends the stream; nothing can be written afterwards. */
  finish(how: 'end' | 'error', payload: Payload): Promise<void> {
    const ending = this.#enqueue(() => this.#send(payload, how));
    this.#finished = true;
    return ending;
  }

  #enqueue(send: () => Promise<void>): Promise<void> {
    if (this.#finished) return Promise.reject(new AgentwireError('ERR_INVALID_STATE', 'the stream was ended'));
    if (this.#waiting >= MAX_WAITING) {
      return Promise.reject(
        new AgentwireError('ERR_OVERLOADED', `${MAX_WAITING} writes wait already: wait for each before the next one`),
      );
    }
    this.#waiting += 1;
    const done = (): void => {
      this.#waiting -= 1;
    };
    // a part that failed was told to the one who wrote it; the next one has its own turn.
    const sent = this.#turn.then(send);
    this.#turn = sent.then(done, done);
    return sent;
  }

  async #send(payload: Payload, how: 'part' | 'end' | 'error'): Promise<void> {
    const { rejected } = await this.#replier.answer(this.#to, payload, undefined, how);
    if (rejected.some(({ code }) => code === 'ERR_REQUEST_ENDED'))
      throw new AgentwireError('ERR_REQUEST_ENDED', 'this stream is not read any more');
  }
}
