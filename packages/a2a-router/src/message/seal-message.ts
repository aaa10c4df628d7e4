import { AgentwireError, checkNumber, checkOneOf } from '@agentwire/core';
import { KERNEL_PID } from '../process/pid.ts';
import { copyPayload } from './copy-payload.ts';
import { checkOptionalShortText, checkShortText, MAX_KEY_BYTES } from './message-limits.ts';
import type { KernelMessage } from './message.ts';
import { type Target, target } from './target.ts';

const LAST_MOMENT = 8.64e15;

/** Fields of a message that the router itself sets, whatever the sender wrote there. */
export type RouterFields = Pick<KernelMessage, 'deadline' | 'expects' | 'streamed'>;

/**
 * Copies a message before anything looks at it: gate, chain and recipients then speak of the same bytes.
 *
 * @throws `ERR_INVALID_ARGUMENT` for a field that is not as {@link KernelMessage} says; every option is checked here.
 */
export function sealMessage(message: KernelMessage, fields: Partial<RouterFields> = NO_FIELDS): KernelMessage {
  if (typeof message !== 'object' || message === null)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'there is no message: make one with createMessage');
  const { priority, durable, deadline, timestamp } = message;
  if (priority !== undefined) checkOneOf('priority', priority, ['high', 'normal']);
  if (durable !== undefined && typeof durable !== 'boolean')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `durable must be true or false, got ${typeof durable}`);
  return {
    id: checkShortText('id', message.id),
    from: message.from,
    target: sealTarget(message.target),
    payload: copyPayload(message.payload),
    timestamp: checkNumber('timestamp', timestamp, -LAST_MOMENT, LAST_MOMENT),
    correlationId: checkOptionalShortText('correlationId', message.correlationId),
    traceId: checkOptionalShortText('traceId', message.traceId),
    deadline: fields.deadline ?? checkDeadline(deadline),
    idempotencyKey: checkOptionalShortText('idempotencyKey', message.idempotencyKey, MAX_KEY_BYTES),
    priority,
    durable,
    fromNode: message.fromNode,
    deferred: undefined,
    sequence: undefined,
    expects: fields.expects,
    streamed: fields.streamed,
  };
}

const NO_FIELDS: Partial<RouterFields> = Object.freeze({});

/** Gives a deadline back, else throws `ERR_INVALID_ARGUMENT`: NaN would never come. */
export function checkDeadline(deadline: unknown): number | undefined {
  return deadline === undefined ? undefined : checkNumber('deadline', deadline, 0, LAST_MOMENT);
}

function sealTarget(to: Target, mayBeRemote = true): Target {
  switch ((to as Target | null | undefined)?.kind) {
    case 'broadcast':
      return target.broadcast;
    case 'kernel':
      return target.kernel;
    default:
      return sealNamed(to, mayBeRemote);
  }
}

function sealNamed(to: Target, mayBeRemote: boolean): Target {
  switch ((to as Target | null | undefined)?.kind) {
    case 'process': {
      const { pid } = to as Extract<Target, { kind: 'process' }>;
      if (Number.isSafeInteger(pid) && pid >= KERNEL_PID) return { kind: 'process', pid };
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `the pid of a target must be an integer from 0, got ${pid}`);
    }
    case 'topic': {
      const { name } = to as Extract<Target, { kind: 'topic' }>;
      if (typeof name === 'string') return { kind: 'topic', name };
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `a topic must be a string, got ${typeof name}`);
    }
    case 'service':
      return {
        kind: 'service',
        service: checkShortText('service', (to as Extract<Target, { kind: 'service' }>).service),
      };
    case 'serviceMethod': {
      const { service, method } = to as Extract<Target, { kind: 'serviceMethod' }>;
      return {
        kind: 'serviceMethod',
        service: checkShortText('service', service),
        method: checkShortText('method', method),
      };
    }
    case 'remoteNode': {
      const { nodeId, target: inner } = to as Extract<Target, { kind: 'remoteNode' }>;
      if (!mayBeRemote)
        throw new AgentwireError('ERR_INVALID_ARGUMENT', 'the target on another node is itself on another node');
      return { kind: 'remoteNode', nodeId: checkShortText('nodeId', nodeId), target: sealTarget(inner, false) };
    }
    default:
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a message needs a target, such as target.process(7)');
  }
}
