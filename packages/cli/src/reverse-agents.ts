import { createHash, timingSafeEqual } from 'node:crypto';
import {
  AgentwireError,
  FEATURES,
  type Hello,
  type Listener,
  type Logger,
  parseEndpoint,
  type Transport,
} from '@agentwire/core';
import type { AgentPool } from '@agentwire/pool';
import { readToken } from './read-named-file.ts';
import { UsageError } from './usage-error.ts';

const EXAMPLE = '--reverse-listen unix:/tmp/agents.sock --token-file token.txt';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whether two secrets are equal, in a time that does not depend on where they differ. */
function sameSecret(given: string | undefined, expected: string): boolean {
  return timingSafeEqual(digest(given ?? ''), digest(expected));
}

/**
 * Lets agents that the pool expects register at `endpoint`. Who is unknown, and who has the wrong token, get the same
 * answer; a listener that others can reach needs a token file.
 */
export async function acceptReverseAgents(
  pool: AgentPool,
  transports: readonly Transport[],
  endpoint: string,
  options: {
    /** Ids that may register: agents that the pool dials itself are not among them. */
    readonly ids: ReadonlySet<string>;
    readonly logger: Logger;
    readonly tokenFile: string | undefined;
  },
): Promise<Listener> {
  const { scheme, address, host } = parseEndpoint(endpoint);
  const transport = transports.find(({ schemes, dials }) => schemes.includes(scheme) && dials.includes('agent'));
  if (transport === undefined)
    throw new UsageError(`agents cannot register over ${scheme}:`, '--reverse-listen unix:/tmp/agents.sock');
  const local = scheme === 'unix' || host === '127.0.0.1' || host === '::1' || host === 'localhost';
  if (!local && options.tokenFile === undefined) {
    throw new UsageError(
      `${endpoint} can be reached by others, so it needs --token-file`,
      `--reverse-listen ${endpoint} --token-file tokens.txt`,
    );
  }
  const token = options.tokenFile === undefined ? undefined : readToken(options.tokenFile, EXAMPLE);
  const self: Hello = {
    role: 'proxy',
    name: 'agentwire',
    version: '0',
    features: FEATURES,
    encodings: ['msgpack', 'json'],
  };
  return transport.listen(address, {
    self,
    authorize(peer, credential) {
      const id = peer.capabilities?.agentId ?? peer.name;
      const known = options.ids.has(id);
      const proven = token === undefined || sameSecret(credential.token, token);
      if (known && proven) return;
      options.logger.warn({ agent: id, known }, 'an agent was refused');
      throw new AgentwireError('ERR_UNAUTHORIZED', 'this agent may not register here');
    },
    onConnection: (connection) => pool.adopt(connection),
  });
}
