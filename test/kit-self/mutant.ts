import type { Transport } from '@agentwire/core';
import type { ManualClock } from '@agentwire/core/testing';
import { tamper, type Tampering } from './tamper.ts';

/** A transport with one bug, and the cases that must find it. */
export interface Mutant {
  /** The bug, in words. */
  readonly bug: string;
  readonly foundBy: readonly string[];
  /** Puts the bug into a transport that has none. */
  readonly spoil: (transport: Transport, clock: ManualClock) => Transport;
}

/** A bug that is put in as a tampering; `make` is called for each transport, so that it can keep state. */
export function tampered(bug: string, foundBy: readonly string[], make: () => Tampering): Mutant {
  return { bug, foundBy, spoil: (transport) => tamper(transport, make()) };
}

/** A bug that is put in by replacing functions of the transport. */
export function replaced(
  bug: string,
  foundBy: readonly string[],
  replace: (transport: Transport, clock: ManualClock) => Partial<Transport>,
): Mutant {
  return { bug, foundBy, spoil: (transport, clock) => ({ ...transport, ...replace(transport, clock) }) };
}
