import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { ChainManager, createChain } from '@agentwire/a2a-router';
import { main } from '@agentwire/cli';
import { createManualClock } from '@agentwire/core/testing';
import { expect, onTestFinished, test } from 'vitest';

/** The chain of the published vectors of format 1: genesis, one message, one event without payload. */
async function vectorChain(): Promise<string> {
  const path = chainFile('');
  rmSync(path);
  const chain = new ChainManager({ format: 1, path, clock: createManualClock(Date.parse('2025-01-01T00:00:00Z')) });
  chain.record('ipc', 'ipc.send', { target: 'Process(7)', from: 1, payload_type: 'text', msg_id: 'ipc-1' });
  chain.record('test', 'event.empty');
  await chain.close();
  return readFileSync(path, 'utf8');
}

async function run(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const status = await main(args, { stdout, stderr });
  const read = (stream: PassThrough): string => ((stream.read() as Buffer | null) ?? '').toString();
  return { status, stdout: read(stdout), stderr: read(stderr) };
}

function chainFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'chain.ndjson');
  writeFileSync(file, text);
  return file;
}

test('a sound chain is 0, and its head is the one that was published with the vectors', async () => {
  const { status, stdout } = await run('chain', 'verify', chainFile(await vectorChain()), '--json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    entries: 3,
    format: 1,
    head: '2:bfe4c1ad4b9d877c2b4880112e8028d4748b50b1f2399716433ab5f519a54299',
  });
});

test('a changed entry, a cut against a head, and a missing file are 1', async () => {
  const sound = await vectorChain();
  const changed = await run('chain', 'verify', chainFile(sound.replace('Process(7)', 'Process(8)')));
  expect([changed.status, changed.stdout]).toEqual([1, expect.stringContaining('NOT SOUND')]);
  const cut = sound.split('\n').slice(0, 2).join('\n');
  const head = '2:bfe4c1ad4b9d877c2b4880112e8028d4748b50b1f2399716433ab5f519a54299';
  expect((await run('chain', 'verify', chainFile(`${cut}\n`), '--head', head)).status).toBe(1);
  const missing = await run('chain', 'verify', '/no/such/chain');
  expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining('ERR_IO')]);
  expect(missing.stderr).toContain('agentwire chain verify audit.ndjson --key-file chain.key');
});

test('a key file holds the bytes of the secret, with a line break or without, or its hex digits', async () => {
  const digits = '0123456789abcdef0123456789abcdef';
  for (const [secret, content] of [
    [Buffer.from(digits), digits],
    [Buffer.from(digits), `${digits}\n`],
    [Buffer.from(digits, 'hex'), digits],
    [Buffer.from(digits, 'hex'), `${digits.toUpperCase()}\r\n`],
    [Buffer.from('a secret of many words'), 'a secret of many words\n'],
    [Buffer.from('a secret of many words\n'), 'a secret of many words\n'],
  ] as const) {
    const path = chainFile('');
    rmSync(path);
    const chain = createChain({ path, key: secret });
    await chain.append('test', 'one');
    await chain.close();
    writeFileSync(`${path}.key`, content);
    const { status, stdout } = await run('chain', 'verify', path, '--key-file', `${path}.key`);
    expect([status, stdout], content).toEqual([0, expect.stringContaining('sound')]);
    writeFileSync(`${path}.key`, 'another secret, which is long enough');
    const wrong = await run('chain', 'verify', path, '--key-file', `${path}.key`);
    expect([wrong.status, wrong.stdout]).toEqual([1, expect.stringContaining("or the key is not the chain's")]);
  }
});

test('segments with two keys verify as a row, and each of them alone with its own', async () => {
  const path = chainFile('');
  rmSync(path);
  const [old, current] = ['the secret of the first segment', 'the secret of the second segment'];
  const chain = createChain({ path, key: Buffer.from(old) });
  await chain.append('test', 'one');
  await chain.rotate({ key: Buffer.from(current) });
  await chain.append('test', 'two');
  await chain.close();
  writeFileSync(`${path}.old`, old);
  writeFileSync(`${path}.new`, current);
  const keys = ['--key-file', `${path}.old`, '--key-file', `${path}.new`];
  const whole = await run('chain', 'verify', path, '--segments', ...keys, '--json');
  expect(whole.status).toBe(0);
  expect(JSON.parse(whole.stdout)).toMatchObject({ ok: true, segment: 2 });
  for (const [file, key] of [
    [`${path}.000001`, `${path}.old`],
    [path, `${path}.new`],
  ] as const)
    expect((await run('chain', 'verify', file, '--key-file', key)).status).toBe(0);
  expect((await run('chain', 'verify', path, '--segments', '--key-file', `${path}.new`)).status).toBe(1);
});
