import { createRequire } from 'node:module';

/** Functions of `native/mmap-buffer.c`; their errors have an errno name in `code`. */
export interface Native {
  /** An ArrayBuffer over the file, which must be `length` bytes long and not empty; `ESTALE` if it is not. */
  map(fd: number, length: number): ArrayBuffer;
  /** Detaches the result of `map`, and frees the file at once. */
  release(buffer: ArrayBuffer): void;
}

/** Paths of the addon: the prebuilt binary of the package, then one that was built here. */
const FOLDERS = ['prebuilds', 'build'];

function load(): Native | undefined {
  const require = createRequire(import.meta.url);
  for (const folder of FOLDERS) {
    try {
      return require(`../${folder}/${process.platform}-${process.arch}/mmap-buffer.node`) as Native;
    } catch {
      // missing, or for another system: try the next one, and without any read instead of map
    }
  }
  return undefined;
}

/** The addon, or `undefined` where none can be loaded. */
export const native: Native | undefined = load();
