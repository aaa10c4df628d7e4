import {
  DEFAULT_CAPABILITIES,
  type Capabilities,
  type Dialect,
  type Hello,
  type MediumTraits,
  type MessageType,
} from '@agentwire/core';
import { zentinelQuirks } from '@agentwire/core/internal';
import { MAX_FRAME_BYTES } from '../frame/frame-limits.ts';

/** Message types that have no number in the zentinel dialect. */
const NOT_ZENTINEL: readonly MessageType[] = [
  'bodyMutation',
  'cancelAll',
  'configUpdateResponse',
  'drain',
  'log',
  'shutdown',
];

type Offer = readonly [type: MessageType, feature: string, offered: boolean];

/** Types that a proxy may send to an agent of these capabilities. */
function fromProxy({ events, configPush }: Capabilities): readonly Offer[] {
  return [
    ['requestComplete', 'request_complete', events.includes('requestComplete')],
    ['webSocketFrame', 'websocket', events.includes('webSocketFrame')],
    ['guardrailInspect', 'guardrails', events.includes('guardrailInspect')],
    ['configure', 'config_push', configPush],
  ];
}

/** Types that an agent may send: those its capabilities announce, since every reader of the dialect has these numbers. */
function fromAgent(capabilities: Capabilities): readonly Offer[] {
  return [
    ['healthStatus', 'health', capabilities.healthReporting],
    ['metricsReport', 'metrics', capabilities.metricsExport],
    ['flowControl', 'flow_control', capabilities.flowControl],
    ['configUpdateRequest', 'config_update', capabilities.configPush],
  ];
}

/**
 * Traits of frames on a byte stream, for core's `negotiate`.
 *
 * In the zentinel dialect the agent's capabilities stand for the other side's features, and the released proxy has its
 * known quirks.
 *
 * @param self hello of this side
 * @param other hello of the other side
 */
export function streamMedium(dialect: Dialect, self: Hello, other: Hello): MediumTraits {
  if (dialect === 'documented') return { dialect, ids: 'number', maxMessageBytes: MAX_FRAME_BYTES };
  const isProxy = self.role === 'proxy';
  const capabilities = (isProxy ? other : self).capabilities ?? DEFAULT_CAPABILITIES;
  return {
    dialect,
    ids: 'text',
    maxMessageBytes: MAX_FRAME_BYTES,
    always: (isProxy ? fromProxy(capabilities) : fromAgent(capabilities))
      .filter(([, feature, offered]) => offered && self.features.includes(feature))
      .map(([type]) => type),
    never: NOT_ZENTINEL,
    quirks: !isProxy && other.features.length === 0 ? zentinelQuirks(other.name, 'stream') : [],
  };
}
