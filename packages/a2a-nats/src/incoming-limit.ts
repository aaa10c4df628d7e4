import { AgentwireError } from '@agentwire/core';

/** Messages from other nodes that a gate, or a full inbox with `block`, has not decided about yet: bounded in number and bytes. */
export class IncomingLimit {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #ofNode = new Map<string, { messages: number; bytes: number }>();
  #messages = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  /** Takes a message in; throws `ERR_OVERLOADED` when there is no room, of which one node has half. */
  enter(node: string, bytes: number): void {
    const mine = this.#ofNode.get(node) ?? { messages: 0, bytes: 0 };
    const isFull =
      this.#messages >= this.#maxMessages ||
      this.#bytes + bytes > this.#maxBytes ||
      mine.messages >= Math.ceil(this.#maxMessages / 2) ||
      mine.bytes + bytes > Math.ceil(this.#maxBytes / 2);
    if (isFull) {
      throw new AgentwireError(
        'ERR_OVERLOADED',
        'too many messages of other nodes wait here to be judged; send fewer at once',
        {
          detail: {
            maxWaiting: this.#maxMessages,
            maxWaitingBytes: this.#maxBytes,
            messages: mine.messages,
            bytes: mine.bytes,
          },
        },
      );
    }
    this.#messages += 1;
    this.#bytes += bytes;
    mine.messages += 1;
    mine.bytes += bytes;
    this.#ofNode.set(node, mine);
  }

  /** Lets a message go, because it was decided about. */
  leave(node: string, bytes: number): void {
    const mine = this.#ofNode.get(node);
    if (mine === undefined) return;
    this.#messages -= 1;
    this.#bytes -= bytes;
    mine.messages -= 1;
    mine.bytes -= bytes;
    if (mine.messages === 0) this.#ofNode.delete(node);
  }
}
