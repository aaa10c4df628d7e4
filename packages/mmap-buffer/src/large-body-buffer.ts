import { closeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { isUint8Array } from 'node:util/types';

import { AgentwireError } from '@agentwire/core';

import type { OpenFile } from './body-file.ts';
import type { BodyQuota } from './body-quota.ts';
import { BodyStore } from './body-store.ts';
import { toIoError } from './io-error.ts';
import { resolveLargeBodyBufferOptions, type LargeBodyBufferOptions } from './large-body-options.ts';
import { native } from './native.ts';

/** Chunk length of {@link LargeBodyBuffer.readable}. */
const READ_BYTES = 64 * 1024;

/** Resources of a buffer outside the heap; they outlive the buffer so that they can be released after it. */
interface Held extends OpenFile {
  readonly quota: BodyQuota;
  bytes: number;
}

/** Closes the file and returns the quota of buffers that were collected without `clear`. */
const forgotten = new FinalizationRegistry<Held>((held) => {
  if (held.fd !== undefined) closeSync(held.fd);
  held.quota.give(held.bytes);
});

/**
 * Collects a body of unknown length: on the heap while it is short, in a nameless temporary file from
 * `mmapThreshold` on (Agent Protocol v2, "Memory-Mapped Buffers").
 *
 * All calls are synchronous. A slice is valid until the next `writeChunk`, `asMutSlice`, `intoVec` or `clear`, and is
 * detached then: its length is 0. Release the disk space with `clear` or `using`; the garbage collector does so too,
 * but late.
 */
export class LargeBodyBuffer implements Disposable {
  readonly #maxBodySize: number;
  readonly #held: Held;
  readonly #store: BodyStore;
  readonly #maps: boolean;
  #tooLarge: AgentwireError | undefined;
  /** Counts changes, so that a stream detects that its bytes are gone. */
  #version = 0;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` for a wrong option, `ERR_UNSUPPORTED` for `mmap` without addon */
  constructor(options: LargeBodyBufferOptions = {}) {
    const all = resolveLargeBodyBufferOptions(options);
    if (all.backing === 'mmap' && native === undefined) {
      throw new AgentwireError('ERR_UNSUPPORTED', 'no addon of @agentwire/mmap-buffer can be loaded on this system');
    }
    const addon = all.backing === 'file' ? undefined : native;
    this.#maxBodySize = all.maxBodySize;
    this.#maps = addon !== undefined;
    this.#held = { quota: all.quota, bytes: 0, fd: undefined };
    this.#store = new BodyStore({
      threshold: all.mmapThreshold,
      folder: all.tempDir,
      native: addon,
      open: this.#held,
    });
    forgotten.register(this, this.#held);
  }

  /** Length of the body so far, in bytes. */
  get length(): number {
    return this.#store.length;
  }

  /** Set while nothing was written. */
  get isEmpty(): boolean {
    return this.length === 0;
  }

  /** Set if {@link asSlice} maps a file; `false` on the heap, and on disk where no addon can be loaded. */
  get isMmap(): boolean {
    return this.#maps && this.#store.onDisk;
  }

  /**
   * Appends a copy of `chunk`.
   *
   * Writing after `asSlice` of a mapped body copies it to a new file: write first, then read.
   *
   * @throws AgentwireError `ERR_BODY_TOO_LARGE` past `maxBodySize`, which releases the body, and at every later call until
   * `clear`; `ERR_NO_SPACE` for a full disk or quota and `ERR_IO`, which leave the body unchanged; `ERR_INVALID_ARGUMENT` for
   * anything but a `Uint8Array`
   */
  writeChunk(chunk: Uint8Array): void {
    this.#check();
    if (!isUint8Array(chunk)) {
      const got = chunk === null ? 'null' : Object.prototype.toString.call(chunk).slice(8, -1);
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `writeChunk takes a Uint8Array, got ${got}`);
    }
    if (chunk.length === 0) return;
    const length = this.length + chunk.length;
    if (length > this.#maxBodySize) throw this.#refuse();
    this.#held.quota.take(chunk.length);
    try {
      this.#store.append(chunk);
    } catch (error) {
      this.#held.quota.give(chunk.length);
      throw toIoError(error, 'could not write a body to its temporary file');
    }
    this.#held.bytes = length;
    this.#version++;
  }

  /**
   * The whole body without a copy: the heap's own memory, or a mapping of the file.
   *
   * Do not write into it: on disk that changes only what this slice shows. Without addon, a body on disk is read into
   * memory.
   *
   * @throws AgentwireError `ERR_IO` if the file cannot be read or mapped
   */
  asSlice(): Uint8Array<ArrayBuffer> {
    this.#check();
    return this.#io(() => this.#store.slice());
  }

  /** The whole body to be changed in place: moves it to the heap, whatever its length. */
  asMutSlice(): Uint8Array<ArrayBuffer> {
    this.#check();
    const bytes = this.#io(() => this.#store.mutableSlice());
    this.#version++;
    return bytes;
  }

  /** The whole body as memory of the caller's own; the buffer is empty then, and can be used again. */
  intoVec(): Uint8Array<ArrayBuffer> {
    this.#check();
    const bytes = this.#io(() => this.#store.take());
    this.clear();
    return bytes;
  }

  /** The same as {@link intoVec}. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.intoVec();
  }

  /**
   * The body as a stream of chunks of up to 64 KiB, read from the disk as they are taken and never mapped.
   *
   * Fails with `ERR_INVALID_STATE` when the buffer is written to or cleared before the stream has ended.
   */
  readable(): Readable {
    this.#check();
    return Readable.from(this.chunks(), { objectMode: false, highWaterMark: READ_BYTES });
  }

  /**
   * The body in chunks of up to 64 KiB, each read from the disk when it is taken, into memory of its own.
   *
   * @throws AgentwireError `ERR_INVALID_STATE` from the iterator when the buffer is written to or cleared before its end
   */
  chunks(): Generator<Uint8Array<ArrayBuffer>, undefined> {
    this.#check();
    return this.#chunks(this.length, this.#version);
  }

  /** Empties the buffer, frees its disk space at once and detaches every slice; it can be used again. */
  clear(): void {
    this.#store.clear();
    this.#held.quota.give(this.#held.bytes);
    this.#held.bytes = 0;
    this.#tooLarge = undefined;
    this.#version++;
  }

  /** The same as {@link clear}, for `using`. */
  [Symbol.dispose](): void {
    this.clear();
  }

  #check(): void {
    if (this.#tooLarge !== undefined) throw this.#tooLarge;
  }

  #refuse(): AgentwireError {
    const maxBodySize = this.#maxBodySize;
    this.clear();
    this.#tooLarge = new AgentwireError('ERR_BODY_TOO_LARGE', `the body is longer than ${maxBodySize} bytes`, {
      detail: { maxBodySize },
    });
    return this.#tooLarge;
  }

  *#chunks(length: number, version: number): Generator<Uint8Array<ArrayBuffer>, undefined> {
    for (let position = 0; position < length; position += READ_BYTES) {
      if (version !== this.#version) {
        throw new AgentwireError('ERR_INVALID_STATE', 'the body was changed or cleared while it was streamed');
      }
      // filled below, or an error
      const chunk = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, length - position));
      this.#io(() => this.#store.read(position, chunk));
      yield chunk;
    }
  }

  #io<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw toIoError(error, 'could not read a body from its temporary file');
    }
  }
}

/** Makes a {@link LargeBodyBuffer}. */
export function createLargeBodyBuffer(options?: LargeBodyBufferOptions): LargeBodyBuffer {
  return new LargeBodyBuffer(options);
}
