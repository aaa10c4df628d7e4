import { IdleWaiters, LinkedList, type ListEntry } from '@agentwire/core/internal';
import { connectionOf } from './client-connection.ts';
import type { ClientResponse } from './client-messages.ts';
import { UpgradeResponse } from './websocket/upgrade-response.ts';

/** Responses of a gateway that are not finished, WebSockets among them. */
export class LiveResponses implements Iterable<ClientResponse> {
  readonly #all = new LinkedList<ClientResponse>();
  /** Those of them that ask for a WebSocket, or are one. */
  readonly #webSockets = new Set<UpgradeResponse>();
  /** Responses that a drain made the last of their connection. */
  readonly #endings = new WeakSet<ClientResponse>();
  readonly #idle = new IdleWaiters();

  get size(): number {
    return this.#all.size;
  }

  /** WebSockets that are open or asked for. */
  get webSockets(): ReadonlySet<UpgradeResponse> {
    return this.#webSockets;
  }

  [Symbol.iterator](): Iterator<ClientResponse> {
    return this.#all[Symbol.iterator]();
  }

  add(response: ClientResponse): ListEntry<ClientResponse> {
    if (response instanceof UpgradeResponse) this.#webSockets.add(response);
    return this.#all.append(response);
  }

  /**
   * Removes a response once its answer is sent: a drain must not cut an answer that the client has not taken yet.
   *
   * @param onUnsent called where the client has still to take a part
   */
  finish(entry: ListEntry<ClientResponse>, onUnsent: (response: ClientResponse) => void): void {
    const response = entry.value;
    const unsent = response.writableEnded && !response.writableFinished && response.socket !== null;
    if (!unsent || response.destroyed) return this.#remove(entry);
    response.once('close', () => this.#remove(entry));
    onUnsent(response);
  }

  #remove(entry: ListEntry<ClientResponse>): void {
    const response = entry.value;
    this.#all.remove(entry);
    if (response instanceof UpgradeResponse) this.#webSockets.delete(response);
    if (this.#all.size === 0) this.#idle.notify();
  }

  /** Resolves when the last one has finished. */
  whenNone(): Promise<void> {
    return this.#all.size === 0 ? Promise.resolve() : this.#idle.wait();
  }

  /** Makes this response the last one of its connection, and no longer one before it on that connection. */
  announceEnd(response: ClientResponse): void {
    for (const earlier of this.#all) {
      if (earlier === response) break;
      if (earlier.req.socket === response.req.socket && this.#endings.has(earlier)) earlier.shouldKeepAlive = true;
    }
    // a request that waits to start ends the connection later
    const more = connectionOf(response.req.socket)?.hasWaiting === true;
    if (!response.shouldKeepAlive || more) return;
    response.shouldKeepAlive = false;
    this.#endings.add(response);
  }
}
