import { AgentwireError, systemClock, type Decision, type Logger, type ProxyEvent } from '@agentwire/core';
import { completeEvent } from '@agentwire/core/internal';
import { createMessageCodec, type MessageCodec } from '@agentwire/wire-codec';
import { stringifyJson } from '@agentwire/wire-codec/internal';
import { ANSWER_BYTE, eventTypeName } from './event-types.ts';
import { MAX_MESSAGE_BYTES, versionOnePeer } from './peer.ts';
import { Scratch } from './scratch.ts';
import { isObject, type JsonObject, parseFrame } from './text.ts';

/** The proxy's side of version 1: events out, decisions in, one at a time. */
export class ProxyCodec {
  readonly #inner: MessageCodec;
  readonly #scratch: Scratch = new Scratch();

  readonly #agentId: string;

  constructor(agentId: string, logger: Logger) {
    this.#agentId = agentId;
    this.#inner = createMessageCodec({ role: 'proxy', peer: versionOnePeer('agent'), logger });
  }

  /** One whole frame. @throws AgentwireError `ERR_MESSAGE_TOO_LARGE`, `ERR_INVALID_ARGUMENT` */
  write(given: ProxyEvent): Buffer {
    const event = completeEvent(given, systemClock);
    const payload = this.#payload(event);
    const before = `{"version":1,"event_type":"${eventTypeName(event.type)}","payload":`;
    const length = before.length + payload.length + 1;
    if (length > MAX_MESSAGE_BYTES) {
      throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', `message of ${length} bytes, limit ${MAX_MESSAGE_BYTES}`);
    }
    const frame = Buffer.allocUnsafe(4 + length);
    frame.writeUInt32BE(length);
    frame.write(before, 4);
    payload.copy(frame, 4 + before.length);
    frame.write('}', frame.length - 1);
    return frame;
  }

  #payload(event: ProxyEvent): Buffer {
    if (event.type === 'configure')
      return Buffer.from(stringifyJson({ agent_id: this.#agentId, config: event.config }));
    this.#inner.write(event, this.#scratch);
    return this.#scratch.payload;
  }

  /** Reads the answer to `event`. @throws AgentwireError `ERR_PROTOCOL`, `ERR_VERSION_MISMATCH` */
  read(event: ProxyEvent, type: number, bytes: Buffer, start: number, end: number): Decision {
    const answer = asVersionTwo(parseFrame(type, bytes, start, end), String(event.id));
    const text = Buffer.from(stringifyJson(answer));
    const message = this.#inner.read(ANSWER_BYTE, text, 0, text.length);
    if (message?.type === 'answer') return message.decision;
    if (message?.type === 'malformed') throw message.error;
    throw new AgentwireError('ERR_PROTOCOL', 'the answer of an agent of version 1 cannot be read');
  }
}

/** The answer as version 2 has it, with the id in it. */
function asVersionTwo(answer: JsonObject, id: string): JsonObject {
  const audit = isObject(answer['audit']) ? answer['audit'] : {};
  const custom = isObject(audit['custom']) ? audit['custom'] : {};
  return {
    ...answer,
    version: 2,
    audit: { ...audit, custom: { ...custom, correlation_id: id } },
  };
}
