import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

/** A folder of its own for the running test, removed after it. */
export function tempDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-mmap-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Descriptors of this process that are open on files of `folder`, named or not; empty where there is no /proc. */
export function openIn(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder}/`);
      } catch {
        return false; // the descriptor that read the folder
      }
    });
}

/** Mappings of this process over files of `folder`. */
export function mappedFrom(folder: string): number {
  if (process.platform !== 'linux') return 0;
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return lines.filter((line) => line.includes(`${folder}/`)).length;
}

/** Tells whether nothing of `folder` is in use: no name, no descriptor, no mapping. */
export function isUnused(folder: string): boolean {
  return readdirSync(folder).length === 0 && openIn(folder).length === 0 && mappedFrom(folder) === 0;
}
