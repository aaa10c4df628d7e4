import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { createMessageId } from '../message/message-id.ts';

/** Attempts to take over the lock of a process that has died; each fails only when another process is as quick. */
const ATTEMPTS = 10;

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** Start time of the process where the system tells it, because pids come again. */
  readonly started: string | undefined;
  /** Start of the system, where it tells it: after another one the first processes have the same pids at the same times. */
  readonly boot: string | undefined;
}

/** Exclusive right of one process to write a chain file: a file `<path>.lock` with the pid of its owner. */
export class ChainLock {
  readonly #path: string;
  readonly #content: string;

  private constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
  }

  /** Takes the lock; one whose owner has died is taken over. Throws `ERR_INVALID_STATE` while its owner lives. */
  static take(chainPath: string): ChainLock {
    const path = `${chainPath}.lock`;
    const content = `${JSON.stringify({ pid: process.pid, host: hostname(), started: statOf(process.pid)?.started, boot: bootOf(), id: createMessageId() })}\n`;
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        if (create(path, content)) return new ChainLock(path, content);
        const found = read(path);
        if (found === undefined) continue;
        const owner = ownerOf(found);
        if (owner !== undefined && lives(owner)) throw refused(chainPath, owner);
        removeStale(path, found);
      }
    } catch (error) {
      throw toAgentwireError(error, 'ERR_IO', path);
    }
    throw new AgentwireError('ERR_INVALID_STATE', `${chainPath} is being opened by other processes`);
  }

  /** Tells whether a process that lives has the lock of a chain. */
  static isHeld(chainPath: string): boolean {
    const owner = ownerOf(read(`${chainPath}.lock`) ?? '');
    return owner !== undefined && lives(owner);
  }

  /** Gives the lock back. */
  release(): void {
    if (read(this.#path) !== this.#content) return;
    try {
      unlinkSync(this.#path);
    } catch {
      // it is stale as soon as this process ends.
    }
  }
}

/** A link appears whole or not at all, so that no process reads a lock without an owner. */
function create(path: string, content: string): boolean {
  const draft = `${path}.${createMessageId()}`;
  writeFileSync(draft, content, { flag: 'wx', mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    return createWithoutLinks(path, content);
  } finally {
    unlinkSync(draft);
  }
}

function createWithoutLinks(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a lock away before it is deleted: if another process was quicker, what was moved is its lock, and goes back. */
function removeStale(path: string, expected: string): void {
  const aside = `${path}.${createMessageId()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (read(aside) !== expected) {
    try {
      linkSync(aside, path);
    } catch {
      // a third process has taken it.
    }
  }
  unlinkSync(aside);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function ownerOf(content: string): Owner | undefined {
  try {
    const owner = JSON.parse(content) as Partial<Owner> | null;
    const pid = owner?.pid;
    return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0
      ? { pid, host: String(owner?.host), started: owner?.started, boot: owner?.boot }
      : undefined;
  } catch {
    return undefined;
  }
}

/** A process of another machine cannot be asked, so it counts as alive. */
function lives({ pid, host, started, boot }: Owner): boolean {
  if (host !== hostname()) return true;
  const current = bootOf();
  if (boot !== undefined && current !== undefined && boot !== current) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
  const now = statOf(pid);
  if (now === undefined) return true;
  return !now.exiting && (started === undefined || now.started === started);
}

/** Flag of a process that has begun to end, from the kernel's `sched.h`. */
const PF_EXITING = 4;

/**
 * Ticks since boot at which a process began, and true once it is ending or a zombie; from Linux, undefined elsewhere.
 *
 * A process that was killed is there until its parent has waited for it, and no longer writes.
 */
function statOf(pid: number): { readonly started: string | undefined; readonly exiting: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // the name of the program may hold spaces and parentheses; the fields after the last one do not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const exiting = fields[0] === 'Z' || fields[0] === 'X' || (Number(fields[6]) & PF_EXITING) !== 0;
    return { started: fields[19], exiting };
  } catch {
    return undefined;
  }
}

/** Name of this start of the system; from Linux, undefined elsewhere. */
function bootOf(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return undefined;
  }
}

function refused(chainPath: string, { pid, host }: Owner): AgentwireError {
  const where = host === hostname() ? '' : ` on ${host}; delete ${chainPath}.lock if that machine is gone`;
  return new AgentwireError('ERR_INVALID_STATE', `${chainPath} is open in process ${pid}${where}`, {
    detail: { pid, host },
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as { readonly code?: string } | undefined)?.code;
}
