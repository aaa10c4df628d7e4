import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createChain, verifyChainFile } from '../../src/index.ts';
import { newFolder } from '../folder.ts';

const key = new Uint8Array(32).fill(9);
const newPath = (): string => join(newFolder(), 'chain.ndjson');
const busy = expect.objectContaining({ code: 'ERR_INVALID_STATE' }) as Error;

it(
  'lets one process write a chain; another one is refused and the first is unharmed',
  { timeout: 60_000 },
  async () => {
    const path = newPath();
    const script = fileURLToPath(new URL('./appender.ts', import.meta.url));
    const child = spawn(process.execPath, ['--conditions=@agentwire/source', script, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let refused = 0;
    let acknowledged = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      if (refused === 0) {
        expect(() => createChain({ key, path })).toThrow(`is open in process ${child.pid}`);
        refused = acknowledged + 1;
      }
      if (acknowledged >= refused + 50) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    const chain = createChain({ key, path });
    expect(chain.length).toBeGreaterThan(acknowledged);
    expect(() => createChain({ key, path })).toThrow(`is open in process ${process.pid}`);
    await chain.append('test', 'after');
    await chain.close();
    expect(existsSync(`${path}.lock`)).toBe(false);
    expect(verifyChainFile(path, { key })).toMatchObject({ ok: true });
  },
);

it('takes over locks whose owner is gone, is ending, or was another process of that pid', async () => {
  const path = newPath();
  const stale = [
    '',
    'no json',
    'null',
    '{}',
    JSON.stringify({ pid: 2 ** 30, host: hostname() }),
    JSON.stringify({ pid: process.pid, host: hostname(), started: '1' }),
  ];
  // Whether a pid is that of an earlier process can be told on Linux only.
  const known = existsSync('/proc/self/stat') ? stale : stale.slice(0, -1);
  for (const content of known) {
    writeFileSync(`${path}.lock`, content);
    const chain = createChain({ key, path });
    expect(JSON.parse(readFileSync(`${path}.lock`, 'utf8'))).toMatchObject({ pid: process.pid });
    await chain.close();
  }
  writeFileSync(`${path}.lock`, JSON.stringify({ pid: 1, host: 'another-machine' }));
  expect(() => createChain({ key, path })).toThrow(busy);
  expect(readFileSync(`${path}.lock`, 'utf8')).toContain('another-machine');
});

it('gives the lock back when the file cannot be opened', async () => {
  const path = newPath();
  await createChain({ key, path }).close();
  const whole = readFileSync(path);
  writeFileSync(path, Buffer.concat([whole, Buffer.from('hello\n')]));
  expect(() => createChain({ key, path })).toThrow('no JSON');
  writeFileSync(path, whole);
  await createChain({ key, path }).close();
});

it.skipIf(!existsSync('/proc/sys/kernel/random/boot_id'))(
  'takes over the lock of an earlier start of the system, where the same process had the same pid',
  async () => {
    const path = newPath();
    const first = createChain({ key, path });
    const own = JSON.parse(readFileSync(`${path}.lock`, 'utf8')) as Record<string, unknown>;
    await first.close();
    writeFileSync(`${path}.lock`, JSON.stringify(own));
    expect(() => createChain({ key, path })).toThrow(busy);
    writeFileSync(`${path}.lock`, JSON.stringify({ ...own, boot: 'another' }));
    await createChain({ key, path }).close();
  },
);
