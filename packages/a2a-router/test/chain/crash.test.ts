import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createChain, verifyChainFile } from '../../src/index.ts';
import { newFolder } from '../folder.ts';

const key = new Uint8Array(32).fill(9);

it('loses no acknowledged entry when the process is killed in the middle of appends', { timeout: 60_000 }, async () => {
  const path = join(newFolder(), 'chain.ndjson');
  let length = 0;
  for (let round = 0; round < 5; round += 1) {
    const acknowledged = await appendUntilKilled(path, 20 + round * 37);
    const chain = createChain({ key, path });
    expect(chain.length).toBeGreaterThan(acknowledged);
    expect(chain.length).toBeGreaterThan(length);
    length = chain.length;
    await chain.close();
    expect(verifyChainFile(path, { key })).toMatchObject({ ok: true, entries: length });
  }
});

/** Lets another process append, kills it with SIGKILL after so many acknowledgements, and gives the last one it told. */
async function appendUntilKilled(path: string, after: number): Promise<number> {
  const script = fileURLToPath(new URL('./appender.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@agentwire/source', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = -1;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    count += 1;
    if (count === after) child.kill('SIGKILL');
  }
  return last;
}
