import type { SpanAttributes } from '@agentwire/core/internal';
import type { KernelMessage } from '../message/message.ts';
import { payloadType } from '../message/payload.ts';
import type { Target } from '../message/target.ts';

/** The place that a span is named after: no pid and no id, of which there are too many. */
export function destinationOf(to: Target): string {
  switch (to.kind) {
    case 'topic':
      return to.name.slice(0, MAX_NAME);
    case 'service':
      return to.service;
    case 'serviceMethod':
      return `${to.service}.${to.method}`;
    case 'remoteNode':
      return destinationOf(to.target);
    default:
      return to.kind;
  }
}

/** Attributes of a span by the conventions of OpenTelemetry for messaging. */
export function messageAttributes(message: KernelMessage, operation: 'send' | 'process'): SpanAttributes {
  const { id, correlationId, target } = message;
  const attributes: Record<string, string | number | boolean> = {
    'messaging.system': 'agentwire',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': destinationOf(target),
    'messaging.message.id': id,
    'agentwire.payload.type': payloadType(message.payload),
  };
  if (correlationId !== undefined) attributes['messaging.message.conversation_id'] = correlationId;
  if (target.kind === 'remoteNode') attributes['agentwire.node'] = target.nodeId;
  return attributes;
}

const MAX_NAME = 256;
