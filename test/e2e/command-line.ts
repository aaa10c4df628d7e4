import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** Built bin: `npm test` builds before it tests. */
export const BIN = fileURLToPath(new URL('../../packages/cli/bin/agentwire.js', import.meta.url));

/** Output and exit status of a command. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `agentwire ARGS` to its end. */
export async function agentwire(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  const [stdout, stderr]: [string[], string[]] = [[], []];
  child.stdout.setEncoding('utf8').on('data', (text: string) => stdout.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout: stdout.join(''), stderr: stderr.join('') };
}

/** Running command, and the lines it prints. */
export interface Running {
  readonly child: ChildProcess;
  /** Next line that begins with `start`, without it. */
  line(start: string): Promise<string>;
  /** All of its stderr so far. */
  stderr(): string;
  /** Sends SIGTERM. @returns the exit status */
  stop(): Promise<number | null>;
}

/** Starts `agentwire ARGS`; it is killed when the test ends. */
export function start(...args: string[]): Running {
  const child = spawn(process.execPath, [BIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(text);
    for (const check of waiting) check();
  });
  return {
    child,
    line: (begin) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const at = lines.findIndex((text) => text.startsWith(begin));
          if (at < 0) return;
          waiting.delete(check);
          resolve(lines.splice(at, 1)[0]?.slice(begin.length).trim() ?? '');
        };
        waiting.add(check);
        void closed.then(([status]) =>
          reject(new Error(`ended with ${status} before it printed ${begin}: ${errors.join('')}`)),
        );
        check();
      }),
    stderr: () => errors.join(''),
    async stop() {
      child.kill('SIGTERM');
      return (await closed)[0];
    },
  };
}

/** A folder for sockets; gone after the test. */
export function socketFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-e2e-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
