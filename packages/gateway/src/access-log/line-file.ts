import { type FileHandle, open, stat } from 'node:fs/promises';
import type { LineSink, WrittenLines } from './line-writer.ts';

/** Length of a file of lines, in bytes; other processes may write it too. */
export interface FileLength {
  bytes: number;
}

/** Longest write of several lines, in characters; a longer line is one write. */
const MAX_WRITE_CHARACTERS = 256 * 1024;

const LINE_FEED = 0x0a;

/** Looks at the end of a file while others write it, after which it counts as torn. */
const MAX_LOOKS = 100;

/** Settings of {@link lineFile}. */
export interface LineFileSettings {
  /** Permissions of a file that is created. */
  readonly mode: number;
  /** Flags for a pipe or a device: `a` waits for a reader of the pipe and fails once that has left, `a+` does neither. */
  readonly pipeFlags: 'a' | 'a+';
  /** Is set now, and after every write. */
  readonly length?: FileLength | undefined;
}

/** Opens a file so that its end can be read, unless the process may only write it. */
async function openToAppend(path: string, { mode, pipeFlags }: LineFileSettings): Promise<FileHandle> {
  const isPipe = await stat(path).then(
    (found) => !found.isFile(),
    () => false,
  );
  if (isPipe) return open(path, pipeFlags, mode);
  try {
    return await open(path, 'a+', mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    return open(path, 'a', mode);
  }
}

/**
 * File that several processes append lines to. Each write is one system call with whole lines: the kernel does not mix those of regular
 * files. After a write that failed, and in a file that was there, a line that was left unfinished is ended first.
 */
class LineFile implements LineSink {
  readonly #file: FileHandle;
  readonly #length: FileLength;
  /** `true` where the end of the file may be half a line. */
  #isUnsure = true;
  /** Last byte that this process wrote. */
  #lastByte = LINE_FEED;

  constructor(file: FileHandle, length: FileLength) {
    this.#file = file;
    this.#length = length;
  }

  async write(lines: readonly string[]): Promise<WrittenLines> {
    let done = 0;
    // a disk that is full takes a part first, and only the write after that has the error
    let mayBePart = true;
    try {
      while (done < lines.length) {
        const count = await this.#append(lines.slice(done, batchEnd(lines, done)));
        if (count === 0 && !mayBePart) throw new Error('only a part of a line was written');
        mayBePart = count > 0;
        done += count;
      }
      return { lines: done };
    } catch (error) {
      this.#isUnsure = true;
      return { lines: done, error };
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Measures the file. @returns `false` where it ends within a line */
  async measure(): Promise<boolean> {
    const found = await this.#file.stat();
    this.#length.bytes = found.size;
    if (found.isFile() && found.size === 0) return true;
    const last = Buffer.of(this.#lastByte);
    // what cannot be read ends as this process left it
    if (found.isFile()) await this.#file.read(last, 0, 1, found.size - 1).catch(() => undefined);
    return last[0] === LINE_FEED;
  }

  /** Tests if the file ends within a line that no process is writing: a write that goes on shows its first part before the rest. */
  async #isTorn(): Promise<boolean> {
    let bytes = -1;
    for (let look = 0; look < MAX_LOOKS; look++) {
      if (await this.measure()) return false;
      if (this.#length.bytes === bytes) return true;
      bytes = this.#length.bytes;
      await this.#writesEnded();
    }
    return true;
  }

  /** Waits for the writes that go on: permissions, set to what they are, take the lock of the file that a write holds. */
  async #writesEnded(): Promise<void> {
    const { mode } = await this.#file.stat();
    // only the owner may; others wait for the disk, which takes longer than a write
    await this.#file.chmod(mode & 0o7777).catch(() => this.#file.datasync().catch(() => undefined));
  }

  /** Writes lines with one system call. @returns the number of those that it took */
  async #append(lines: readonly string[]): Promise<number> {
    const isTorn = this.#isUnsure && (await this.#isTorn());
    const text = Buffer.from(`${isTorn ? '\n' : ''}${lines.join('')}`);
    const { bytesWritten } = await this.#file.write(text);
    this.#length.bytes = (await this.#file.stat()).size;
    this.#lastByte = text[bytesWritten - 1] ?? this.#lastByte;
    this.#isUnsure = bytesWritten < text.byteLength;
    if (!this.#isUnsure) return lines.length;
    const whole = text.subarray(isTorn ? 1 : 0, bytesWritten);
    return whole.reduce((count, byte) => (byte === LINE_FEED ? count + 1 : count), 0);
  }
}

/** Returns the end of the lines from `start` that are written together: one at least. */
function batchEnd(lines: readonly string[], start: number): number {
  let end = start;
  let characters = 0;
  do characters += lines[end++]?.length ?? 0;
  while (end < lines.length && characters + (lines[end]?.length ?? 0) <= MAX_WRITE_CHARACTERS);
  return end;
}

/** Opens a file to append lines to, several processes at once too. */
export async function lineFile(path: string, settings: LineFileSettings): Promise<LineSink> {
  const file = await openToAppend(path, settings);
  const lines = new LineFile(file, settings.length ?? { bytes: 0 });
  try {
    await lines.measure();
  } catch (error) {
    await file.close();
    throw error;
  }
  return lines;
}
