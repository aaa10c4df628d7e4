import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  type BigIntStats,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { AgentwireError } from '@agentwire/core';
import { givenSocket, MAX_SOCKET_PATH_BYTES, OPTION, type OptionRows } from '@agentwire/core/internal';

function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code !== undefined && codes.includes(code);
}

/** Access to the socket files that a transport binds. */
export interface SocketFileOptions {
  /** Mode of the socket files, as in `chmod`; default 0o600, this user only, and 0o660 with `group`. */
  readonly mode?: number | undefined;
  /** Number of the group that the socket files belong to; default the group of this process. */
  readonly group?: number | undefined;
}

/** Rows of {@link SocketFileOptions} for the tables of transports. */
export const SOCKET_FILE_TABLE: OptionRows<SocketFileOptions> = {
  mode: { check: OPTION.integer(0, 0o777) },
  group: { check: OPTION.integer(0, 0xffff_fffe) },
};

/** A bound socket file. */
export interface SocketFile {
  /** Removes the file, if it is still the one that was bound. */
  remove(): void;
}

function lookAt(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

function isSame(one: BigIntStats | undefined, two: BigIntStats): boolean {
  return one !== undefined && one.ino === two.ino && one.dev === two.dev;
}

/** Tests if a process accepts connections on the socket at `path`. */
function hasLiveOwner(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      // a full queue has an owner, and so may a socket whose mode refuses this user
      if (isErrno(error, 'ECONNREFUSED', 'ENOENT')) resolve(false);
      else if (isErrno(error, 'EAGAIN', 'EACCES', 'EPROTOTYPE')) resolve(true);
      else reject(error);
    });
  });
}

function taken(path: string, why: string): AgentwireError {
  return new AgentwireError('ERR_CONNECT', `cannot listen on ${path}: ${why}`, { retryable: false });
}

/** Removes a socket that its owner left behind, and nothing else. */
async function removeStale(path: string): Promise<void> {
  const found = lookAt(path);
  if (found === undefined) return;
  if (!found.isSocket()) throw taken(path, 'something that is not a socket is there; remove it or choose another path');
  if (found.uid !== BigInt(process.geteuid?.() ?? -1)) {
    throw taken(path, `the socket there belongs to user ${found.uid}; let that user remove it or choose another path`);
  }
  if (await hasLiveOwner(path)) {
    throw taken(path, 'a live process serves the socket there; stop it or choose another path');
  }
  // another process may have removed and bound it meanwhile
  if (!isSame(lookAt(path), found)) throw taken(path, 'another process has just bound it');
  unlinkSync(path);
}

/** Puts the bound socket under its name, never over something that is there. */
function publish(from: string, path: string): void {
  try {
    linkSync(from, path);
    unlinkSync(from);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw taken(path, 'another process has just bound it');
    // a file system without hard links
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EXDEV')) throw error;
    renameSync(from, path);
  }
}

/** A socket file that is about to be bound. */
export interface UnboundSocketFile {
  /** Path to bind the socket at, in a private folder. */
  readonly bindPath: string;
  /** Sets mode and group of the bound socket and moves it to its name. @throws AgentwireError `ERR_CONNECT` where something is there */
  publish(): SocketFile;
  /** Removes the private folder; the socket keeps its name. */
  dispose(): void;
}

/**
 * Prepares the binding of a Unix socket so that it is never visible with another mode or group than its own: in a private folder
 * beside `path`, from where it is moved to its name once both are set. A socket that a dead process left behind is removed.
 *
 * @throws AgentwireError `ERR_CONNECT` when a live process serves the path, or it is no socket or belongs to another user;
 * and the system's errors.
 */
export async function prepareSocketFile(
  path: string,
  { group, mode = group === undefined ? 0o600 : 0o660 }: SocketFileOptions,
): Promise<UnboundSocketFile> {
  await removeStale(path);
  const folder = mkdtempSync(`${dirname(path)}/.`);
  const short = shortName(folder);
  let isPublished = false;
  return {
    bindPath: `${short.path}/s`,
    publish() {
      const bound = `${folder}/s`;
      if (group !== undefined) giveTo(bound, group);
      chmodSync(bound, mode);
      const own = lstatSync(bound, { bigint: true });
      publish(bound, path);
      isPublished = true;
      return {
        remove() {
          if (isSame(lookAt(path), own)) unlinkSync(path);
          short.forget();
        },
      };
    },
    dispose() {
      if (!isPublished) short.forget();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Binds a Unix socket as {@link prepareSocketFile} describes it. One that this process was given has a file already, which stays.
 *
 * @param bind makes the server listen on the given path
 */
export async function bindSocketFile(
  path: string,
  options: SocketFileOptions,
  bind: (path: string) => Promise<void>,
): Promise<SocketFile> {
  if (givenSocket({ path }) !== undefined) {
    await bind(path);
    return { remove: () => undefined };
  }
  const file = await prepareSocketFile(path, options);
  try {
    await bind(file.bindPath);
    return file.publish();
  } finally {
    file.dispose();
  }
}

/** @throws AgentwireError `ERR_CONNECT` where this user is not in the group */
function giveTo(path: string, group: number): void {
  try {
    chownSync(path, process.getuid?.() ?? -1, group);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EINVAL')) throw error;
    throw new AgentwireError('ERR_CONNECT', `this user may not give its sockets to group ${group}: it is not in it`, {
      cause: error,
      retryable: false,
    });
  }
}

/** A name of `folder` that leaves room for a file in it even where its path is almost too long for a socket. */
function shortName(folder: string): { readonly path: string; forget(): void } {
  if (Buffer.byteLength(folder) + 2 <= MAX_SOCKET_PATH_BYTES) return { path: folder, forget: () => undefined };
  // stays open as long as the server, which unlinks by this name when it closes
  const fd = openSync(folder, 'r');
  return { path: `/proc/self/fd/${fd}`, forget: () => closeSync(fd) };
}
