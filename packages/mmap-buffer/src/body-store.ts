import { BodyFile, type OpenFile } from './body-file.ts';
import { HeapBytes } from './heap-bytes.ts';
import type { Native } from './native.ts';

/** Parameters of a {@link BodyStore}. */
export interface BodyPlace {
  /** Length from which the bytes go to disk. */
  readonly threshold: number;
  readonly folder: string;
  /** Maps files; without it they are read. */
  readonly native: Native | undefined;
  /** Receives the descriptor of the file, for cleanup. */
  readonly open: OpenFile;
}

/** A body on the heap or on disk, which moves between the two. Errors of `node:fs` and the addon pass through. */
export class BodyStore {
  readonly #place: BodyPlace;
  #heap = new HeapBytes();
  #file: BodyFile | undefined;

  constructor(place: BodyPlace) {
    this.#place = place;
  }

  get length(): number {
    return this.#file?.length ?? this.#heap.length;
  }

  get onDisk(): boolean {
    return this.#file !== undefined;
  }

  /** Appends a copy of `chunk`, or throws and changes nothing. */
  append(chunk: Uint8Array): void {
    const { threshold } = this.#place;
    if (this.#file !== undefined) this.#file.append(chunk);
    else if (this.length + chunk.length < threshold) this.#heap.append(chunk, threshold);
    else this.#moveToFile(chunk);
  }

  /** All bytes, without a copy where possible. */
  slice(): Uint8Array<ArrayBuffer> {
    return this.#file?.slice() ?? this.#heap.view();
  }

  /** All bytes on the heap, to be changed in place. */
  mutableSlice(): Uint8Array<ArrayBuffer> {
    this.#heap = new HeapBytes(this.take());
    return this.#heap.view();
  }

  /** Takes all bytes out of the store. */
  take(): Uint8Array<ArrayBuffer> {
    this.#moveToHeap();
    return this.#heap.take();
  }

  /** Fills `target` from `position` on. */
  read(position: number, target: Uint8Array): void {
    if (this.#file !== undefined) this.#file.read(position, target);
    else this.#heap.read(position, target);
  }

  /** Drops all bytes and detaches every slice. */
  clear(): void {
    this.#file?.free();
    this.#file = undefined;
    this.#heap.take();
  }

  #moveToFile(chunk: Uint8Array): void {
    const { folder, native, open } = this.#place;
    const file = new BodyFile(folder, native, open);
    try {
      if (this.#heap.length > 0) file.append(this.#heap.view());
      file.append(chunk);
    } catch (error) {
      file.free();
      throw error;
    }
    this.#heap.take();
    this.#file = file;
  }

  #moveToHeap(): void {
    if (this.#file === undefined) return;
    this.#heap = new HeapBytes(this.#file.copy());
    this.#file.free();
    this.#file = undefined;
  }
}
