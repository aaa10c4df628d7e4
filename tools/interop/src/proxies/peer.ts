import type { Decision } from '@agentwire/core';
import type { Completion, EventBody } from '@agentwire/core/session';

/** Result of the handshake on the proxy side. */
export interface HandshakeValue {
  readonly agent: string;
  /** Numbers of the events that the agent wants. */
  readonly events: readonly number[];
  readonly encoding: string | null;
}

/** One face for everything on the proxy's side that scenarios are played through. */
export interface Peer {
  readonly handshake: HandshakeValue;
  /** Set when it accepted the connection. */
  readonly connected: boolean;
  /** One event of the request that the scenario calls `id`. */
  ask(id: string, event: EventBody): Promise<Decision>;
  /** Tells that the request is over. @returns whether it could be told */
  complete(id: string, summary: Completion): boolean;
  cancel(id: string): void;
  cancelAll(): void;
  /** Resolves with the pong, where this side has pings at all. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Timeout of an answer, in milliseconds: long, because no scenario waits for it, and machines are busy. */
export const ANSWER_TIMEOUT_MS = 10_000;
