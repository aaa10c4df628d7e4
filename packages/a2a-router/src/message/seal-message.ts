import { AgentwireError, type Clock } from '@agentwire/core';
import { checkNumber, checkOneOf, readTraceparent } from '@agentwire/core/internal';
import { KERNEL_PID, type Pid } from '../process/pid.ts';
import { copyPayload } from './copy-payload.ts';
import { checkOptionalShortText, checkShortText, MAX_KEY_BYTES } from './message-limits.ts';
import { createMessageId } from './message-id.ts';
import type { KernelMessage, MessageOptions } from './message.ts';
import type { Payload } from './payload.ts';
import { ReceivedMessage } from './received-message.ts';
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
  const { timestamp, fromNode } = message;
  return sealed(
    checkShortText('id', message.id),
    message.from,
    message.target,
    message.payload,
    checkNumber('timestamp', timestamp, -LAST_MOMENT, LAST_MOMENT),
    message,
    fromNode,
    fields,
  );
}

/**
 * Makes a message of this node as {@link sealMessage} would leave it: what an endpoint sends need not be made first and copied then.
 *
 * @throws `ERR_INVALID_ARGUMENT` as it does.
 */
export function newMessage(
  from: Pid,
  to: Target,
  payload: Payload,
  options: MessageOptions | undefined,
  clock: Clock,
  fields: Partial<RouterFields> = NO_FIELDS,
): KernelMessage {
  return sealed(createMessageId(), from, to, payload, clock.wallNow(), options ?? NO_OPTIONS, undefined, fields);
}

/** Sets the request fields of a message that {@link newMessage} made and that only the router has seen. */
export function becomeRequest(message: KernelMessage, deadline: number, expects: KernelMessage['expects']): void {
  const own = message as { deadline: number | undefined; expects: KernelMessage['expects'] };
  own.deadline = deadline;
  own.expects = expects;
}

/** Each field is read once: what was checked is what is copied. */
function sealed(
  id: string,
  from: Pid,
  to: Target,
  payload: Payload,
  timestamp: number,
  options: MessageOptions,
  fromNode: string | undefined,
  fields: Partial<RouterFields>,
): KernelMessage {
  const { priority, durable, notBefore } = options;
  if (priority !== undefined) checkOneOf('priority', priority, ['high', 'normal']);
  if (durable !== undefined && typeof durable !== 'boolean')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `durable must be true or false, got ${typeof durable}`);
  if (notBefore !== undefined) checkNotBefore(notBefore, durable);
  const own = copyPayload(payload);
  return new ReceivedMessage(
    {
      id,
      from,
      target: copyTarget(to),
      payload: own,
      timestamp,
      correlationId: checkOptionalShortText('correlationId', options.correlationId),
      traceId: checkOptionalShortText('traceId', options.traceId),
      traceparent: checkTraceparent(options.traceparent),
      deadline: fields.deadline ?? checkDeadline(options.deadline),
      idempotencyKey: checkOptionalShortText('idempotencyKey', options.idempotencyKey, MAX_KEY_BYTES),
      priority,
      durable,
      notBefore,
      fromNode,
      deferred: undefined,
      sequence: undefined,
      expects: fields.expects,
      streamed: fields.streamed,
    },
    own,
  );
}

function checkNotBefore(notBefore: unknown, durable: boolean | undefined): void {
  checkNumber('notBefore', notBefore, 0, LAST_MOMENT);
  if (durable !== true)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'notBefore is for durable messages only: set durable too');
}

const NO_OPTIONS: MessageOptions = Object.freeze({});
const NO_FIELDS: Partial<RouterFields> = Object.freeze({});

/** Gives a deadline back, else throws `ERR_INVALID_ARGUMENT`: NaN would never come. */
export function checkDeadline(deadline: unknown): number | undefined {
  return deadline === undefined ? undefined : checkNumber('deadline', deadline, 0, LAST_MOMENT);
}

function checkTraceparent(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const traceparent = readTraceparent(value);
  if (traceparent !== undefined) return traceparent;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    'traceparent is not as W3C Trace Context says: 00-<32 hex>-<16 hex>-<2 hex>',
  );
}

/** Copies a target; throws `ERR_INVALID_ARGUMENT` for one that is not as {@link Target} says. */
export function copyTarget(to: Target, mayBeRemote = true): Target {
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
      return { kind: 'remoteNode', nodeId: checkShortText('nodeId', nodeId), target: copyTarget(inner, false) };
    }
    default:
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a message needs a target, such as target.process(7)');
  }
}
