import type { Http2Session } from 'node:http2';
import type { Lifecycle } from '@agentwire/core/internal';

/** States of the drain of a gRPC connection. */
export type SessionDrainState = 'opening' | 'drainWaiting' | 'open' | 'draining' | 'peerDraining' | 'peerDrainHeld';

/** Transitions of a {@link SessionDrain}. */
export const SESSION_DRAIN_LIFECYCLE: Lifecycle<SessionDrainState> = {
  opening: {
    'handshake left': 'open',
    drain: 'drainWaiting',
    'GOAWAY received': 'peerDraining',
    'GOAWAY received while paused': 'peerDrainHeld',
  },
  drainWaiting: { 'handshake left': 'draining' },
  open: {
    drain: 'draining',
    'GOAWAY received': 'peerDraining',
    'GOAWAY received while paused': 'peerDrainHeld',
  },
  draining: {},
  peerDraining: {},
  peerDrainHeld: { resume: 'peerDraining' },
};

/** Dependencies of a {@link SessionDrain}. */
export interface SessionDrainDeps {
  readonly session: Http2Session;
  /** `true` while nothing may be delivered. */
  readonly isPaused: () => boolean;
  /** Delivers a drain of the other side. */
  readonly onDrain: () => void;
}

/**
 * Drain of a gRPC connection as GOAWAY of its HTTP/2 session: the one form of it that every HTTP/2 peer understands. Agentwire
 * peers send drain messages, too.
 */
export class SessionDrain {
  #state: SessionDrainState = 'opening';
  readonly #deps: SessionDrainDeps;

  constructor(deps: SessionDrainDeps) {
    this.#deps = deps;
    deps.session.on('goaway', this.#onGoaway);
  }

  get state(): SessionDrainState {
    return this.#state;
  }

  /** The handshake's answer has left: a GOAWAY would have overtaken it. */
  handshakeLeft(): void {
    if (this.#state === 'drainWaiting') {
      this.#state = 'draining';
      this.#sendGoaway();
    } else if (this.#state === 'opening') this.#state = 'open';
  }

  /** Tells the other side to send no more requests. */
  drain(): void {
    if (this.#state === 'opening') this.#state = 'drainWaiting';
    else if (this.#state !== 'drainWaiting') {
      if (this.#state === 'open') this.#state = 'draining';
      this.#sendGoaway();
    }
  }

  #sendGoaway(): void {
    const { session } = this.#deps;
    if (!session.destroyed) session.goaway();
  }

  readonly #onGoaway = (code: number): void => {
    // a peer that was told to drain answers with a GOAWAY, and Node repeats its own
    if (code !== 0 || (this.#state !== 'opening' && this.#state !== 'open')) return;
    if (this.#deps.isPaused()) this.#state = 'peerDrainHeld';
    else {
      this.#state = 'peerDraining';
      this.#deps.onDrain();
    }
  };

  /** Delivers the drain that came while the connection was paused. */
  resume(): void {
    if (this.#state !== 'peerDrainHeld') return;
    this.#state = 'peerDraining';
    this.#deps.onDrain();
  }

  /** Stops listening: the connection is over. */
  stop(): void {
    this.#deps.session.removeListener('goaway', this.#onGoaway);
  }
}
