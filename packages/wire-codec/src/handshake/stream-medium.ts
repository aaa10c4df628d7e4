import {
  DEFAULT_CAPABILITIES,
  type Capabilities,
  type Dialect,
  type Hello,
  type Limit,
  type Medium,
  type MessageType,
} from '@agentwire/core';
import { MAX_FRAME_BYTES } from '../frame/frame-limits.ts';

/** The name by which the released proxy gives itself away. */
const RELEASED_PROXY = 'zentinel-proxy';

const RELEASED_PROXY_LIMITS: readonly Limit[] = Object.freeze<Limit[]>([
  'challenge_is_allow',
  'redirect_is_error',
  'block_headers_dropped',
  'request_body_mutation_ignored',
  'needs_more_ignored',
  'response_block_ignored',
  'response_headers_early_dropped',
  'response_body_mutation_required',
]);

/** Message types that have no number in the zentinel dialect. */
const NOT_ZENTINEL: readonly MessageType[] = [
  'bodyMutation',
  'cancelAll',
  'configUpdateResponse',
  'drain',
  'log',
  'shutdown',
];

/** What a proxy may send to an agent that said these capabilities: the dialect has no list of features. */
function fromProxy({ events, configPush }: Capabilities): readonly MessageType[] {
  const optional = (['requestComplete', 'webSocketFrame', 'guardrailInspect'] as const).filter((type) =>
    events.includes(type),
  );
  return configPush ? [...optional, 'configure'] : optional;
}

/** What an agent may send: what its capabilities announced, as every reader of the dialect has these numbers. */
function fromAgent({ healthReporting, metricsExport, flowControl, configPush }: Capabilities): readonly MessageType[] {
  const types: MessageType[] = [];
  if (healthReporting) types.push('healthStatus');
  if (metricsExport) types.push('metricsReport');
  if (flowControl) types.push('flowControl');
  if (configPush) types.push('configUpdateRequest');
  return types;
}

/**
 * What frames on a byte stream decide about a connection; the argument of core's `agree`.
 *
 * In the zentinel dialect the agent's capabilities stand for the features; an agent never pings, and a proxy that is the
 * released one has the limits that are known of it.
 *
 * @param self what this side said
 * @param other what the other side said
 */
export function streamMedium(dialect: Dialect, self: Hello, other: Hello): Medium {
  if (dialect === 'documented') return { dialect, ids: 'number', maxMessageBytes: MAX_FRAME_BYTES };
  const isProxy = self.role === 'proxy';
  const capabilities = (isProxy ? other : self).capabilities ?? DEFAULT_CAPABILITIES;
  return {
    dialect,
    ids: 'text',
    maxMessageBytes: MAX_FRAME_BYTES,
    always: isProxy ? fromProxy(capabilities) : fromAgent(capabilities),
    never: isProxy ? NOT_ZENTINEL : [...NOT_ZENTINEL, 'ping'],
    limits: !isProxy && other.name === RELEASED_PROXY && other.features.length === 0 ? RELEASED_PROXY_LIMITS : [],
  };
}
