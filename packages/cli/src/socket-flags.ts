import { readFileSync } from 'node:fs';
import { parseEndpoint } from '@agentwire/core';
import type { SocketFileOptions } from '@agentwire/transport-uds';
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
 * @returns who may connect to the sockets that the transports bind
 * @throws UsageError for a mode that is none, a group that is not there, or flags without a Unix socket
 */
export function socketAccess(flags: SocketFlags, listen: readonly string[], example: string): SocketFileOptions {
  const { socketMode, socketGroup } = flags;
  if (socketMode === undefined && socketGroup === undefined) return {};
  if (!listen.some((endpoint) => parseEndpoint(endpoint).path !== undefined))
    throw new UsageError('--socket-mode and --socket-group are about Unix sockets: --listen unix:PATH', example);
  if (socketMode !== undefined && !/^0?[0-7]{3}$/.test(socketMode))
    throw new UsageError(
      `--socket-mode takes three octal digits such as 660, got ${JSON.stringify(socketMode)}`,
      example,
    );
  return {
    mode: socketMode === undefined ? undefined : Number.parseInt(socketMode, 8),
    group: socketGroup === undefined ? undefined : groupOf(socketGroup, example),
  };
}
