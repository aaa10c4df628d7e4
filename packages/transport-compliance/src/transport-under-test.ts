import type { Transport } from '@agentwire/core';
import type { ManualClock } from '@agentwire/core/testing';
import type { ArrivesAs } from './arrives-in.ts';
import type { KitFeature } from './feature.ts';

/** What the kit needs of a test runner; vitest's and node:test's `describe` and `test` fit as they are. */
export interface KitRunner {
  describe(this: void, name: string, body: () => void): unknown;
  readonly test: KitTest;
}

/** Declares one test; `skip` declares one that is listed but not run. */
export interface KitTest {
  (this: void, name: string, body: () => Promise<void>): unknown;
  readonly skip?: (name: string, body: () => Promise<void>) => unknown;
}

/** What a transport must know to be built for one case. */
export interface CreateContext {
  /** Time that the kit moves by hand; every deadline of the transport must run on it. */
  readonly clock: ManualClock;
}

/** A transport, described to the kit. */
export interface TransportUnderTest {
  /** Stands in the names of the tests. */
  readonly name: string;
  /** Makes the transport anew; called once for every case. */
  create(context: CreateContext): Transport | Promise<Transport>;
  /** An address to listen on that nobody uses, such as a socket in a temporary folder or port 0; new at every call. */
  address(): string | Promise<string>;
  /** An address to dial where nobody listens; default {@link address}. Needed where that has port 0. */
  unusedAddress?(): string | Promise<string>;
  /** What the medium cannot do: name the feature with `false`. Everything is expected by default. */
  readonly features?: Readonly<Partial<Record<KitFeature, boolean>>> | undefined;
  /** Known losses of the medium: the message that must arrive when `sent` was sent. Default: the same message. See {@link arrivesIn}. */
  readonly arrivesAs?: ArrivesAs | undefined;
  /** Ids of cases that fail and are known to; each must go on failing, or its test fails until it is taken out here. */
  readonly knownFailures?: readonly string[] | undefined;
  /** Counts what the medium itself holds (sockets, ports) when a case is over; must come down to 0. */
  leaks?(): number | Promise<number>;
  /** How long one case may take in milliseconds of real time before it counts as hanging; default 20 000. */
  readonly patienceMs?: number | undefined;
  readonly runner: KitRunner;
}
