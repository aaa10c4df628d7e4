import { open } from 'node:fs/promises';
import type { LineSink } from '../access-log/line-writer.ts';

/** Length of the file that a {@link recordingFile} writes, in bytes; other processes may write it too. */
export interface FileLength {
  bytes: number;
}

/**
 * Opens a file to append lines to. A line that a killed process left unfinished is ended, so that the next one can be read.
 *
 * @param length is set now, and after every write
 */
export async function recordingFile(path: string, length: FileLength): Promise<LineSink> {
  const file = await open(path, 'a+', 0o600);
  const update = async (): Promise<void> => {
    length.bytes = (await file.stat()).size;
  };
  try {
    await update();
    const last = Buffer.alloc(1);
    if (length.bytes > 0) await file.read(last, 0, 1, length.bytes - 1);
    if (length.bytes > 0 && last.toString() !== '\n') await file.appendFile('\n');
    await update();
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    write: async (text) => {
      await file.appendFile(text);
      await update();
    },
    close: () => file.close(),
  };
}
