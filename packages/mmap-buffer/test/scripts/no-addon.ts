// no-addon.ts FOLDER: pretends to be a system that no addon was made for and that has no nameless files.
import { readdirSync } from 'node:fs';

import { fill, sha256 } from '../bodies.ts';

const [folder = ''] = process.argv.slice(2);
Object.defineProperty(process, 'platform', { value: 'plan9' });
const { LargeBodyBuffer } = await import('../../src/index.ts');

const buffer = new LargeBodyBuffer({ tempDir: folder, mmapThreshold: 1_000 });
const hash = fill(buffer, 5_000);
let code: unknown;
try {
  void new LargeBodyBuffer({ backing: 'mmap' });
} catch (error) {
  code = (error as { code?: unknown }).code;
}
const names = readdirSync(folder).length;
process.stdout.write(
  `${JSON.stringify({ names, ok: sha256(buffer.asSlice()) === hash, isMmap: buffer.isMmap, code })}\n`,
);
