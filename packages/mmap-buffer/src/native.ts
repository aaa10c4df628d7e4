import { createRequire } from 'node:module';

/** What `native/mmap-buffer.c` offers; its errors are plain ones with an errno name in `code`. */
export interface Native {
  /** An ArrayBuffer over the file, which must be `length` bytes long and not empty; `ESTALE` if it is not. */
  map(fd: number, length: number): ArrayBuffer;
  /** Detaches what `map` gave, and frees the file at once. */
  release(buffer: ArrayBuffer): void;
}

/** First the binary that came with the package, then one that was built here. */
const FOLDERS = ['prebuilds', 'build'];

function load(): Native | undefined {
  const require = createRequire(import.meta.url);
  for (const folder of FOLDERS) {
    try {
      return require(`../${folder}/${process.platform}-${process.arch}/mmap-buffer.node`) as Native;
    } catch {
      // Not there, or made for another system: the next one, and in the end reading instead of mapping.
    }
  }
  return undefined;
}

/** The addon, or `undefined` where none can be loaded. */
export const native: Native | undefined = load();
