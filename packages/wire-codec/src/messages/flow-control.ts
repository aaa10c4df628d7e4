import type { FlowControl, RequestId } from '@agentwire/core';

import { DecodeError, inside } from './decode-error.ts';
import { id } from './id-codec.ts';
import type { MessageMapping } from './message-mapping.ts';
import { u64 } from './scalar-codecs.ts';
import { optionalOrNull, struct, type Struct } from './struct.ts';
import { asObject, isWireObject, own } from './wire-object.ts';

const ACTIONS = ['pause', 'resume', 'updateCapacity'] as const;
const WORDS = ['pause', 'resume', 'update_capacity'] as const;

interface Rest {
  readonly id?: RequestId | undefined;
  readonly bufferAvailable?: number | undefined;
}

const rest: Struct<Rest> = struct<Rest>('flowControl', {
  id: optionalOrNull('request_id', id, { zentinel: 'correlation_id' }),
  bufferAvailable: optionalOrNull('buffer_available', u64),
});

/** Reads an action. An unknown one is an error: taken for a resume it would flood an agent that asked for less. */
function readAction(wire: unknown): FlowControl['action'] {
  const index =
    typeof wire === 'string'
      ? WORDS.findIndex((one) => one === wire)
      : Number(typeof wire === 'bigint' ? wire : (wire ?? 0)) - 1;
  const action = ACTIONS[index];
  if (action === undefined)
    throw new DecodeError('an action is 1 pause, 2 resume or 3 update capacity').within('action');
  return action;
}

/** Flow control: pause, resume or capacity; read as a number and in the form with a `type`. */
export const flowControl: MessageMapping<'flowControl'> = {
  type: 'flowControl',
  write: (message, format) => ({ action: ACTIONS.indexOf(message.action) + 1, ...rest.write(message, format) }),
  read(wire, format) {
    if (Array.isArray(wire)) {
      // the crate 0.6.20 wrote arrays, the action as one of its type and the capacity
      const [correlationId, action] = wire as unknown[];
      const [type, room] = Array.isArray(action) ? (action as unknown[]) : [action];
      const tagged = { type, buffer_available: room ?? null };
      return flowControl.read({ correlation_id: correlationId ?? null, action: tagged }, format);
    }
    const object = asObject(wire);
    const action = own(object, 'action');
    const tagged = isWireObject(action) ? action : action === undefined ? object : undefined;
    const outer = rest.read(object, format);
    if (tagged === undefined)
      return { type: 'flowControl', action: readAction(action), timestampMs: undefined, ...outer };
    const room = own(tagged, 'buffer_available') ?? undefined;
    const bufferAvailable =
      room === undefined ? outer.bufferAvailable : inside('action.buffer_available', () => u64.read(room, format));
    return {
      type: 'flowControl',
      action: readAction(own(tagged, 'type')),
      timestampMs: undefined,
      ...outer,
      bufferAvailable,
    };
  },
};
