/** One entry of an audit chain. */
export interface ChainEvent {
  /** Its place, from 0. */
  readonly sequence: number;
  /** Which part of the system recorded it, such as `ipc`. */
  readonly source: string;
  /** Event, such as `ipc.send`. */
  readonly kind: string;
  /** Time in whole seconds since 1970. */
  readonly seconds: number;
  /** Nanoseconds into that second; always 0 in format 1. Entries of one chain never go back in format 2. */
  readonly nanos: number;
  /** The facts, as canonical JSON; undefined when there are none. */
  readonly payload: string | undefined;
  /** Hash of this entry and the one before it, in hex. */
  readonly hash: string;
}

/** Hash before the first entry: 32 zero bytes. */
export const ZERO_HASH: string = '0'.repeat(64);

/** Writes a head, `sequence:hash`, to be kept outside so that truncation is found. */
export function formatHead(event: Pick<ChainEvent, 'sequence' | 'hash'>): string {
  return `${event.sequence}:${event.hash}`;
}
