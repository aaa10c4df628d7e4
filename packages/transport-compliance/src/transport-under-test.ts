import type { Connection, RequestId, Transport } from '@agentwire/core';
import type { ManualClock } from '@agentwire/core/testing';
import type { ArrivesAs } from './arrives-in.ts';
import type { KitFeature } from './feature.ts';

/** The part of a test runner that the kit needs; `describe` and `test` of vitest and of node:test fit as they are. */
export interface KitRunner {
  describe(this: void, name: string, body: () => void): unknown;
  readonly test: KitTest;
}

/** Declares one test; `skip` declares one that is listed but not run. */
export interface KitTest {
  (this: void, name: string, body: () => Promise<void>): unknown;
  readonly skip?: (name: string, body: () => Promise<void>) => unknown;
}

/** Argument of {@link TransportUnderTest.create}. */
export interface CreateContext {
  /** Time that the kit moves; every deadline of the transport must run on it. */
  readonly clock: ManualClock;
}

/** A transport, described to the kit. */
export interface TransportUnderTest {
  /** Stands in the names of the tests. */
  readonly name: string;
  /** Makes the transport anew; called once for every case. */
  create(context: CreateContext): Transport | Promise<Transport>;
  /** A free address to listen on, such as a socket in a temporary folder or port 0; new at every call. */
  address(): string | Promise<string>;
  /** An address to dial without a listener; default {@link address}. Needed where that has port 0. */
  unusedAddress?(): string | Promise<string>;
  /** Side that dials in every case; default `proxy`. With `agent` the kit checks the transport's reverse connections. */
  readonly opener?: 'proxy' | 'agent' | undefined;
  /** Abilities of the medium: name one that it lacks with `false`. Everything is expected by default. */
  readonly features?: Readonly<Partial<Record<KitFeature, boolean>>> | undefined;
  /**
   * Known losses of the medium: the message that must arrive when `sent` was sent. Default: the same message. See
   * `arrivesIn`.
   */
  readonly arrivesAs?: ArrivesAs | undefined;
  /**
   * Sends, from the agent's end `connection`, an answer to request `id` that cannot be decoded: a sound frame with a
   * readable id and broken content. Without this function the cases that need `malform` are skipped.
   */
  malform?(connection: Connection, id: RequestId): void | Promise<void>;
  /** Ids of cases that are known to fail; each must go on failing, or its test fails until it is taken out here. */
  readonly knownFailures?: readonly string[] | undefined;
  /**
   * Counts the handles of the medium (sockets, ports), before and after each case; must come down to what it was before within about
   * a second. So the case that leaves one is the only one that fails for it.
   */
  leaks?(): number | Promise<number>;
  /** Real time in milliseconds that one case may take before it counts as hanging; default 20 000. */
  readonly caseTimeoutMs?: number | undefined;
  readonly runner: KitRunner;
}
