import { chmodSync, chownSync, readFileSync } from 'node:fs';
import { parseEndpoint } from '@agentwire/core';
import type { Command } from 'commander';
import { UsageError } from './usage-error.ts';

/** Flags about who may connect to a Unix socket. */
export interface SocketFlags {
  readonly socketMode?: string;
  readonly socketGroup?: string;
}

/** Adds the flags of Unix sockets to a command. */
export function addSocketFlags(command: Command): Command {
  return command
    .option('--socket-mode <octal>', 'mode of the Unix sockets, as in chmod; default 600, with --socket-group 660')
    .option('--socket-group <group>', 'group that may connect to the Unix sockets, by name or number');
}

/** Returns the number of a group. @throws UsageError */
function groupOf(word: string, example: string): number {
  if (/^\d{1,10}$/.test(word)) return Number(word);
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${word}:`));
  const id = line?.split(':')[2];
  if (id === undefined) throw new UsageError(`--socket-group: there is no group ${JSON.stringify(word)}`, example);
  return Number(id);
}

/**
 * Checks the flags of Unix sockets.
 *
 * @returns function that admits the group to the sockets among `endpoints`, which are bound for this user alone
 * @throws UsageError for a mode that is none, a group that is not there, or flags without a Unix socket
 */
export function socketAccess(
  flags: SocketFlags,
  listen: readonly string[],
  example: string,
): (endpoints: readonly string[]) => void {
  const { socketMode, socketGroup } = flags;
  if (socketMode === undefined && socketGroup === undefined) return () => undefined;
  const pathsOf = (endpoints: readonly string[]): string[] =>
    endpoints
      .map((endpoint) => parseEndpoint(endpoint))
      .flatMap(({ scheme, target }) => (scheme === 'unix' ? [target] : []));
  if (pathsOf(listen).length === 0)
    throw new UsageError('--socket-mode and --socket-group are about Unix sockets: --listen unix:PATH', example);
  if (socketMode !== undefined && !/^0?[0-7]{3}$/.test(socketMode))
    throw new UsageError(
      `--socket-mode takes three octal digits such as 660, got ${JSON.stringify(socketMode)}`,
      example,
    );
  const group = socketGroup === undefined ? undefined : groupOf(socketGroup, example);
  const mode = Number.parseInt(socketMode ?? '660', 8);
  return (endpoints) => {
    for (const path of pathsOf(endpoints)) {
      // the group first: with the mode first, the group of before could connect in between
      if (group !== undefined) chownSync(path, process.getuid?.() ?? -1, group);
      chmodSync(path, mode);
    }
  };
}
