import { type Logger, parseEndpoint, type Transport } from '@agentwire/core';
import type { AgentPool } from '@agentwire/pool';
import { ReverseConnectionListener } from '@agentwire/reverse-listener';
import type { KnownTokens } from '@agentwire/reverse-listener/internal';
import { UsageError } from './usage-error.ts';

/**
 * Checks that agents prove who they are where other processes than this user's can connect.
 *
 * @returns `true` where their certificates do
 * @throws UsageError
 */
export function checkReverseAccess(
  endpoint: string,
  { hasToken, clientCertificates = false }: { readonly hasToken: boolean; readonly clientCertificates?: boolean },
): boolean {
  const { scheme } = parseEndpoint(endpoint);
  const isSecure = scheme === 'tls' || scheme === 'wss';
  const certified = isSecure && clientCertificates;
  if (scheme === 'unix' || hasToken || certified) return certified;
  const or = isSecure ? ' or --tls-ca (tls.ca)' : '';
  throw new UsageError(
    `any process that reaches ${endpoint} could register there, so it needs --token-file (tokenFile in a file)${or}`,
    `--reverse-listen ${endpoint} --token-file token.txt`,
  );
}

/**
 * Accepts registrations of agents that the pool expects at `endpoint`. An unknown agent and a wrong token get the same
 * refusal. On a Unix socket the file's permissions may suffice; over TCP and TLS any process can connect, so agents authenticate
 * with the token or, over TLS, with a certificate that has their id as a name.
 */
export async function acceptReverseAgents(
  pool: AgentPool,
  transports: readonly Transport[],
  endpoint: string,
  options: {
    /** Ids that may register: agents that the pool dials itself are not among them. */
    readonly ids: ReadonlySet<string>;
    readonly logger: Logger;
    /** Returns the token that agents must have now, which a reload may change but not take away; `undefined` for none. */
    readonly token: () => KnownTokens | undefined;
    /** Set when the transport requires client certificates over TLS; their name must then be the agent's id. Default `false`. */
    readonly clientCertificates?: boolean;
  },
): Promise<ReverseConnectionListener> {
  const { scheme, address } = parseEndpoint(endpoint);
  const transport = transports.find(({ schemes, dials }) => schemes.includes(scheme) && dials.includes('agent'));
  if (transport === undefined)
    throw new UsageError(`agents cannot register over ${scheme}:`, '--reverse-listen unix:/tmp/agents.sock');
  const hasToken = options.token() !== undefined;
  const certified = checkReverseAccess(endpoint, { ...options, hasToken });
  if (options.ids.size === 0)
    throw new UsageError('--reverse-listen does nothing without an agent that registers', '--agent waf=reverse');
  const listener = await ReverseConnectionListener.bind(address, {
    transports,
    allowedAgents: [...options.ids],
    ...(hasToken && { verifyToken: (id: string, token: string) => options.token()?.prove(id, token) === true }),
    certificateIds: certified,
    // instances of one agent share its id
    maxConnectionsPerAgent: 1_024,
    logger: options.logger,
  });
  void listener.acceptLoop(pool);
  return listener;
}
