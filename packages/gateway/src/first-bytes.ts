import type { Socket } from 'node:net';
import type { Clock } from '@agentwire/core';

/** Meaning of the first bytes of a connection, and how many of them are taken; the others go back into its buffer. */
export interface FirstBytes<T> {
  readonly value: T;
  readonly taken: number;
}

/** Clock and time of {@link readFirstBytes}. */
export interface FirstBytesOptions {
  readonly clock: Clock;
  /** Time after which a client that has not sent enough is cut, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Reads a connection until `parse` knows what its first bytes say, and calls back with that.
 *
 * @param parse gets all bytes so far, and whether no more come; returns `undefined` while they do not tell
 */
export function readFirstBytes<T>(
  socket: Socket,
  { clock, timeoutMs }: FirstBytesOptions,
  parse: (read: Buffer, ended: boolean) => FirstBytes<T> | undefined,
  onKnown: (value: T) => void,
): void {
  let read: Buffer = Buffer.alloc(0);
  const timer = clock.setTimeout(() => socket.destroy(), timeoutMs);
  const onClose = (): void => clock.clearTimeout(timer);
  const onError = (): void => void socket.destroy();
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
    const known = socket.destroyed ? undefined : parse(read, socket.readableEnded);
    if (known === undefined) return;
    socket.off('readable', onReadable).off('close', onClose).off('error', onError);
    clock.clearTimeout(timer);
    if (read.length > known.taken) socket.unshift(read.subarray(known.taken));
    onKnown(known.value);
  };
  socket.on('readable', onReadable).once('close', onClose).once('error', onError);
}
