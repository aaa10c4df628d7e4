import { Admission, type AgentwireError, type PendingPeer } from '@agentwire/core';
import { listenError } from '@agentwire/core/internal';
import { IncomingHandshake, type LinkCredential, type ListenerDeps } from './incoming-handshake.ts';
import type { MessageLink } from './message-link.ts';

/**
 * Takes the peers of one listener: runs their handshakes, within the listener's deadline and limits. A transport's `bind`
 * gets one and calls {@link accept} for each new link.
 */
export class Acceptor {
  readonly #deps: ListenerDeps;

  readonly #address: string;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` for a wrong value in the options. */
  constructor(address: string, deps: Omit<ListenerDeps, 'admission'>) {
    this.#address = address;
    this.#deps = { ...deps, admission: new Admission(deps.options, deps.framed.clock, address) };
  }

  /** Open connections. */
  get connectionCount(): number {
    return this.#deps.admission.connectionCount;
  }

  /**
   * Registers a peer that has no link yet, such as one in a TLS handshake or an HTTP upgrade: its deadline starts, and it
   * counts as pending. Pass the result to {@link accept}, or call its `fail` when the peer leaves before that.
   *
   * @param onDrop closes the medium: the deadline has passed, the peer was evicted, or the listener closes
   */
  begin(onDrop: (error: AgentwireError) => void): PendingPeer {
    return this.#deps.admission.begin(onDrop);
  }

  /**
   * Runs the handshake of a new peer.
   *
   * @param credential what the medium itself proves of it
   * @param pending the result of {@link begin}, where it was called
   */
  accept(
    link: MessageLink,
    credential: LinkCredential = {},
    pending: PendingPeer = this.#deps.admission.begin(),
  ): void {
    new IncomingHandshake(this.#deps, link, credential, pending).start();
  }

  /** Logs that a peer could not be accepted, for want of file descriptors for example: no reason to stop listening. */
  report(error: unknown): void {
    const { code, message } = listenError(error, this.#address);
    this.#deps.framed.logger.error({ code }, `a connection could not be accepted: ${message}`);
  }

  /** Fails every pending handshake and accepts no further peer. Idempotent. */
  close(): void {
    this.#deps.admission.close();
  }
}
