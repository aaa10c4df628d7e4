import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Logger, parseEndpoint } from '@agentwire/core';
import { type GivenSocket, giveSocket, listenKey, type ListenPlace } from '@agentwire/core/internal';
import { UsageError } from './usage-error.ts';

/** First descriptor that a service manager passes. */
const FIRST_FD = 3;
const MAX_SOCKETS = 64;

const STATES = { ready: 'READY=1', stopping: 'STOPPING=1' } as const;

/** Socket of a service manager: its descriptor, its name there, and the address that it is bound to. */
interface PassedSocket {
  readonly fd: number;
  readonly name: string;
  readonly place: ListenPlace;
}

/** Returns the address behind the hexadecimal words of /proc/net/tcp and tcp6, whose bytes are in the order of this machine. */
function hostOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) =>
    (word.match(/../g) ?? []).toReversed().map((byte) => Number.parseInt(byte, 16)),
  );
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Returns the address of a listening socket, as the system lists it. @throws Error where it is no such socket */
function placeOf(fd: number): ListenPlace {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  const rows = (file: string): string[][] =>
    readFileSync(`/proc/net/${file}`, 'utf8')
      .split('\n')
      .map((row) => row.trim().split(/\s+/));
  const path = rows('unix').find((row) => row[6] === inode)?.[7];
  if (path !== undefined) return { path };
  for (const file of ['tcp', 'tcp6']) {
    const [host, port] =
      rows(file)
        .find((row) => row[9] === inode)?.[1]
        ?.split(':') ?? [];
    if (host !== undefined && port !== undefined) return { host: hostOf(host), port: Number.parseInt(port, 16) };
  }
  throw new Error('it is neither a Unix nor a TCP socket that listens');
}

/**
 * Takes the sockets that the service manager passes (`LISTEN_FDS`, `LISTEN_PID`, `LISTEN_FDNAMES`) out of the environment: processes that
 * this one starts have other descriptors.
 */
function takePassed(env: NodeJS.ProcessEnv, example: string): PassedSocket[] {
  const { LISTEN_PID: pid, LISTEN_FDS: fds, LISTEN_FDNAMES: names = '' } = env;
  if (pid !== String(process.pid)) return [];
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name];
  const count = Number(fds);
  if (!Number.isInteger(count) || count < 1 || count > MAX_SOCKETS)
    throw new UsageError(`LISTEN_FDS must be a number from 1 to ${MAX_SOCKETS}, got ${JSON.stringify(fds)}`, example);
  return Array.from({ length: count }, (_, at) => {
    const fd = FIRST_FD + at;
    const name = names.split(':')[at] ?? '';
    try {
      return { fd, name, place: placeOf(fd) };
    } catch (error) {
      throw new UsageError(
        `descriptor ${fd} of the service manager cannot be used: ${(error as Error).message}`,
        example,
      );
    }
  });
}

const WILDCARD: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function isSame(wanted: ListenPlace, place: ListenPlace): boolean {
  if (!('port' in wanted)) return !('port' in place) && resolve(wanted.path) === resolve(place.path);
  if (!('port' in place) || wanted.port !== place.port) return false;
  if (wanted.host === 'localhost') return place.host === '127.0.0.1' || place.host === '::1';
  return wanted.host === place.host || (WILDCARD.has(wanted.host) && WILDCARD.has(place.host));
}

const shown = ({ name, place }: PassedSocket): string => `${listenKey(place)}${name === '' ? '' : ` (${name})`}`;

/** Returns the address that an endpoint listens on; `undefined` where it is none of the system's. */
export function listenPlace(endpoint: string): ListenPlace | undefined {
  const { path, host, port, address } = parseEndpoint(endpoint);
  if (path !== undefined) return { path };
  if (host !== undefined && port !== undefined) return { host, port };
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  return url.port === '' ? undefined : { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) };
}

/**
 * Makes this process listen on the sockets that a service manager such as systemd passes, each in place of the address among `wanted`
 * that it is bound to.
 *
 * @returns the sockets by address, for workers; none where none were passed
 * @throws UsageError for a socket at another address: its clients would wait without an end
 */
export function usePassedSockets(
  wanted: readonly (ListenPlace | undefined)[],
  example: string,
): (readonly [string, GivenSocket])[] {
  return takePassed(process.env, example).map((passed) => {
    const place = wanted.find((one) => one !== undefined && isSame(one, passed.place));
    if (place === undefined) {
      const listed = wanted.flatMap((one) => (one === undefined ? [] : [listenKey(one)])).join(', ');
      throw new UsageError(
        `the service manager passes a socket at ${shown(passed)}, where nothing listens; this command listens on ${listed}`,
        example,
      );
    }
    const [key, socket] = [listenKey(place), { fd: passed.fd }];
    giveSocket(key, socket);
    return [key, socket] as const;
  });
}

/**
 * Tells the service manager that this process is ready or stops, where it wants to know (`NOTIFY_SOCKET`, `Type=notify`). It is systemd's
 * own program that tells: Node has no sockets of that kind, so the unit needs `NotifyAccess=all`.
 */
export function notifyServiceManager(state: 'ready' | 'stopping', logger: Logger): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  const child = spawn('systemd-notify', [`--pid=${process.pid}`, STATES[state]], { stdio: 'ignore' });
  child.on('error', (error) => logger.warn({ state, reason: error.message }, 'the service manager could not be told'));
  child.unref();
}
