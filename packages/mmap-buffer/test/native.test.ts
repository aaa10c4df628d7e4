import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { native, type Native } from '../src/native.ts';
import { runScript } from './run-script.ts';
import { tempDir } from './temp-dir.ts';

const home = fileURLToPath(new URL('..', import.meta.url));
const compiler = process.env['CC'] ?? 'cc';

describe('the addon', () => {
  test('was built from the present source', () => {
    const hash = createHash('sha256')
      .update(readFileSync(join(home, 'native/mmap-buffer.c')))
      .digest('hex');
    const built = readFileSync(join(home, 'prebuilds/linux-x64/source.sha256'), 'utf8').trim();
    expect(built, 'run: pnpm --filter @agentwire/mmap-buffer run build:native --prebuild').toBe(hash);
  });

  test.runIf(process.platform === 'linux' && process.arch === 'x64')('is loaded on linux-x64', () => {
    expect(native).toBeDefined();
  });

  test('builds from source and maps', { timeout: 60_000 }, (context) => {
    if (spawnSync(compiler, ['--version']).status !== 0) {
      console.error(`*** NOT TESTED: no C compiler (${compiler}), the addon was not built from source ***`);
      context.skip('NOT TESTED: no C compiler');
    }
    const folder = tempDir();
    const out = join(folder, 'built.node');
    execFileSync(process.execPath, [join(home, 'native/build.mjs'), '--out', out]);
    const built = createRequire(import.meta.url)(out) as Native;
    writeFileSync(join(folder, 'body'), 'hello');
    const fd = openSync(join(folder, 'body'), 'r+');
    expect(() => built.map(fd, 6)).toThrow(expect.objectContaining({ code: 'ESTALE' }));
    const buffer = built.map(fd, 5);
    closeSync(fd);
    expect(Buffer.from(buffer).toString()).toBe('hello');
    for (let i = 0; i < 2; i++) built.release(buffer);
    expect(buffer.byteLength).toBe(0);
    built.release(new ArrayBuffer(3));
    expect(() => built.map(fd, 5)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => built.map(-1, 5)).toThrow(TypeError);
  });

  test('is optional', () => {
    const { status, result } = runScript(new URL('./scripts/no-addon.ts', import.meta.url), [tempDir()]);
    expect(status).toBe(0);
    expect(result).toEqual({ names: 0, ok: true, isMmap: false, code: 'ERR_UNSUPPORTED' });
  });
});
