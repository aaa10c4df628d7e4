import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { AgentwireError, type Listener } from '@agentwire/core';
import { createUdsTransport } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agentHello, Notes, proxyHello, temporaryFolder } from './fixtures.ts';

function listen(path: string, mode?: number): Promise<Listener> {
  const transport = createUdsTransport(mode === undefined ? {} : { mode });
  return transport.listen(`unix:${path}`, { self: agentHello, onConnection: new Notes().onConnection });
}

async function canConnect(path: string): Promise<boolean> {
  const connection = await createUdsTransport().connect(`unix:${path}`, {
    self: proxyHello,
    onConnection: new Notes().onConnection,
  });
  await connection.close();
  return true;
}

async function failure(attempt: Promise<Listener>): Promise<AgentwireError> {
  try {
    await (await attempt).close();
  } catch (error) {
    if (error instanceof AgentwireError) return error;
    throw error;
  }
  return expect.unreachable('listening succeeded');
}

/** Leaves a socket behind as a process that was killed does. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer();
  server.listen(`${path}.bound`);
  await once(server, 'listening');
  renameSync(`${path}.bound`, path);
  server.close();
  await once(server, 'close');
}

describe('binding', () => {
  test('gives the socket mode 0600, and leaves nothing else in the folder', async () => {
    const folder = temporaryFolder();
    await using listener = await listen(`${folder}/a.sock`);
    expect(lstatSync(`${folder}/a.sock`).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['a.sock']);
    expect(listener.address).toBe(`unix:${folder}/a.sock`);
  });

  test('gives it a wider mode when asked to, whatever the umask', async () => {
    const path = `${temporaryFolder()}/a.sock`;
    await using _ = await listen(path, 0o666);
    expect(lstatSync(path).mode & 0o777).toBe(0o666);
  });

  test('gives it to a group, whose members may connect unless the mode says otherwise', async () => {
    const folder = temporaryFolder();
    // any group for root; for another user only one of its own
    const group = process.getuid?.() === 0 ? 12_345 : (process.getgid?.() ?? 0);
    for (const [mode, expected] of [
      [undefined, 0o660],
      [0o620, 0o620],
    ] as const) {
      const transport = createUdsTransport({ group, mode });
      const path = `${folder}/${expected}.sock`;
      await using _ = await transport.listen(`unix:${path}`, {
        self: agentHello,
        onConnection: new Notes().onConnection,
      });
      expect([lstatSync(path).mode & 0o777, lstatSync(path).gid]).toEqual([expected, group]);
    }
  });

  test('the name appears with its final mode', async () => {
    const folder = temporaryFolder();
    const modes: number[] = [];
    const watcher = watch(folder, (_, name) => {
      const stat = name === 'a.sock' ? lstatSync(`${folder}/a.sock`, { throwIfNoEntry: false }) : undefined;
      if (stat !== undefined) modes.push(stat.mode & 0o777);
    });
    const seen = once(watcher, 'change');
    await using _ = await listen(`${folder}/a.sock`);
    await seen;
    watcher.close();
    expect(modes.filter((mode) => mode !== 0o600)).toEqual([]);
  });

  test('takes a path of 107 bytes, with a long and with a short last part, and refuses 108', async () => {
    const folder = temporaryFolder();
    const long = `${folder}/${'x'.repeat(107 - folder.length - 1)}`;
    const deep = `${folder}/${'d'.repeat(107 - folder.length - 3)}`;
    mkdirSync(deep);
    for (const path of [long, `${deep}/s`]) {
      expect(Buffer.byteLength(path)).toBe(107);
      await using _ = await listen(path);
      expect(await canConnect(path)).toBe(true);
    }
    expect(readdirSync(deep)).toEqual([]);
    const { code, message } = await failure(listen(`${long}x`));
    expect([code, message]).toEqual(['ERR_INVALID_ADDRESS', expect.stringContaining('107 bytes')]);
  });

  test('says that the folder does not exist', async () => {
    const { code, message } = await failure(listen(`${temporaryFolder()}/none/a.sock`));
    expect([code, message]).toEqual(['ERR_CONNECT', expect.stringMatching(/folder does not exist.*ENOENT/)]);
  });

  test('leaves nothing behind when it fails', async () => {
    const folder = temporaryFolder();
    writeFileSync(`${folder}/a.sock`, 'x');
    await failure(listen(`${folder}/a.sock`));
    expect(readdirSync(folder)).toEqual(['a.sock']);
  });
});

describe('what is there already', () => {
  test('a socket that a dead process left behind is replaced', async () => {
    const path = `${temporaryFolder()}/a.sock`;
    await leaveStale(path);
    expect(lstatSync(path).isSocket()).toBe(true);
    await using _ = await listen(path);
    expect(await canConnect(path)).toBe(true);
  });

  test('a live owner keeps its socket, and the error names it', async () => {
    const path = `${temporaryFolder()}/a.sock`;
    await using _ = await listen(path);
    const { code, message } = await failure(listen(path));
    expect([code, message]).toEqual(['ERR_CONNECT', expect.stringMatching(/a\.sock.*live process/)]);
    expect(await canConnect(path)).toBe(true);
  });

  test('a file is never removed', async () => {
    const path = `${temporaryFolder()}/a.sock`;
    writeFileSync(path, 'precious');
    const { code, message } = await failure(listen(path));
    expect([code, message]).toEqual(['ERR_CONNECT', expect.stringContaining('not a socket')]);
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  test('neither is a folder nor a link, not even one to a stale socket', async () => {
    const folder = temporaryFolder();
    mkdirSync(`${folder}/d`);
    await leaveStale(`${folder}/stale`);
    symlinkSync(`${folder}/stale`, `${folder}/l`);
    expect((await failure(listen(`${folder}/d`))).code).toBe('ERR_CONNECT');
    expect((await failure(listen(`${folder}/l`))).code).toBe('ERR_CONNECT');
    expect(readdirSync(folder).toSorted()).toEqual(['d', 'l', 'stale']);
  });

  // only root can own nothing but what others left
  test.runIf(process.getuid?.() === 0)('a socket of another user is left alone', async () => {
    const path = `${temporaryFolder()}/a.sock`;
    await leaveStale(path);
    const { chownSync } = await import('node:fs');
    chownSync(path, 12_345, 12_345);
    const { code, message } = await failure(listen(path));
    expect([code, message]).toEqual(['ERR_CONNECT', expect.stringContaining('user 12345')]);
    expect(existsSync(path)).toBe(true);
  });

  test('of many who want one stale path, one gets it', async () => {
    const path = `${temporaryFolder()}/a.sock`;
    await leaveStale(path);
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => listen(path)));
    const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    onTestFinished(async () => void (await Promise.all(won.map((listener) => listener.close()))));
    expect(won).toHaveLength(1);
    expect(await canConnect(path)).toBe(true);
  });
});

describe('closing', () => {
  test('removes the socket', async () => {
    const folder = temporaryFolder();
    await (await listen(`${folder}/a.sock`)).close();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('leaves a socket alone that another process has put there since', async () => {
    const path = `${temporaryFolder()}/a.sock`;
    const first = await listen(path);
    renameSync(path, `${path}.moved`);
    await using _ = await listen(path);
    await first.close();
    expect(await canConnect(path)).toBe(true);
  });

  test('a path can be bound again at once', async () => {
    const path = `${temporaryFolder()}/a.sock`;
    for (let round = 0; round < 3; round += 1) await (await listen(path)).close();
    await using listener = await listen(path);
    expect(listener.connectionCount).toBe(0);
  });
});

test('a killed process leaves a socket that its successor takes over', async () => {
  const path = `${temporaryFolder()}/a.sock`;
  const child: ChildProcess = fork(new URL('fixtures/bind-and-wait.mjs', import.meta.url), [path]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  child.kill('SIGKILL');
  await once(child, 'exit');
  chmodSync(path, 0o600);
  await using _ = await listen(path);
  expect(await canConnect(path)).toBe(true);
});
