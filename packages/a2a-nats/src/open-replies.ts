import type { KernelMessage } from '@agentwire/a2a-router';

/** Requests of other nodes that an agent here may still answer. */
export class OpenReplies {
  readonly #limit: number;
  readonly #open = new Map<string, { readonly node: string; readonly from: number }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#open.size;
  }

  /** Notes a request; the oldest gives way past the limit. */
  add(message: KernelMessage, node: string): void {
    if (this.#open.size >= this.#limit) {
      for (const oldest of this.#open.keys()) {
        this.#open.delete(oldest);
        break;
      }
    }
    this.#open.set(message.id, { node, from: message.from });
  }

  /** Whether an answer goes to a request that waits, and to the one who asked. */
  awaits({ correlationId, target }: KernelMessage): boolean {
    const request = correlationId === undefined ? undefined : this.#open.get(correlationId);
    return (
      request !== undefined &&
      target.kind === 'remoteNode' &&
      target.nodeId === request.node &&
      target.target.kind === 'process' &&
      target.target.pid === request.from
    );
  }

  /** Ends a request: each gets one answer from each node. */
  take(messageId: string): string | undefined {
    const request = this.#open.get(messageId);
    this.#open.delete(messageId);
    return request?.node;
  }
}
