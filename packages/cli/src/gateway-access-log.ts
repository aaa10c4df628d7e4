import type { Logger } from '@agentwire/core';
import { type AccessLog, openAccessLog } from '@agentwire/gateway';
import type { GatewayFile } from '@agentwire/gateway/config-file';
import type { Terminal } from './output/terminal.ts';

/** Collaborators of {@link openGatewayAccessLog}. */
export interface GatewayAccessLogDeps {
  readonly terminal: Terminal;
  readonly logger: Logger;
  /** Set where everything on stderr is JSON. */
  readonly json: boolean;
}

/**
 * Opens the access log of `agentwire gateway`. Without a file it is on stderr: every request where that is a terminal, else those that
 * agents blocked, so that blocks are always logged.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a file that cannot be opened
 */
export function openGatewayAccessLog(
  settings: GatewayFile['accessLog'] = {},
  { terminal, logger, json }: GatewayAccessLogDeps,
): Promise<AccessLog> {
  const { file, format, query } = settings;
  if (file === '-') return openAccessLog({ stream: terminal.stdout, format, query, logger });
  if (file !== undefined) return openAccessLog({ file, format, query, logger });
  const { stderr } = terminal;
  const requests = 'isTTY' in stderr && stderr.isTTY ? 'all' : 'blocked';
  return openAccessLog({ stream: stderr, requests, format: format ?? (json ? 'json' : 'combined'), query, logger });
}
