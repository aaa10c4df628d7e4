import { randomUUID } from 'node:crypto';
import { ALLOW, AgentwireError, type Logger, type Message, type Received } from '@agentwire/core';
import {
  createMessageCodec,
  type MessageCodec,
  type MessageCodecStats,
  type Outbox,
  writeFrame,
} from '@agentwire/wire-codec';
import { stringifyJson } from '@agentwire/wire-codec/internal';
import { byteOfEventType } from './event-types.ts';
import { MAX_MESSAGE_BYTES, versionOnePeer } from './peer.ts';
import { Scratch } from './scratch.ts';
import { BRACE, isObject, type JsonObject, parseFrame } from './text.ts';

const VERSION_TWO = '{"version":2';
const VERSION_ONE = Buffer.from('{"version":1');
/** The id that answers are written with, random so that nothing else in one is taken for it. */
const MARK = randomUUID();
const MARKED = Buffer.from(`"correlation_id":"${MARK}"`);
const COMMA = 0x2c;
/** Routes events that version 1 sends without an id, such as a configuration. */
const NO_ID = 'version-1';

/**
 * The agent's side of version 1. The content of events and answers is that of the zentinel dialect, so the codec of
 * version 2 does the work, and this class wraps it in the older envelope.
 */
export class AgentCodec implements MessageCodec {
  readonly #inner: MessageCodec;
  readonly #scratch: Scratch = new Scratch();
  readonly #outbox: Outbox;
  #asked = false;

  constructor(outbox: Outbox, logger: Logger) {
    this.#outbox = outbox;
    this.#inner = createMessageCodec({ role: 'agent', peer: versionOnePeer('proxy'), logger });
  }

  get stats(): MessageCodecStats {
    return this.#inner.stats;
  }

  write(message: Message, outbox: Outbox): boolean {
    if (message.type !== 'answer') {
      throw new AgentwireError('ERR_UNSUPPORTED', `version 1 has no ${message.type}; see peer.accepts`);
    }
    this.#inner.write({ ...message, id: MARK }, this.#scratch);
    const payload = withoutId(this.#scratch.payload);
    if (payload.toString('latin1', 0, VERSION_TWO.length) !== VERSION_TWO) {
      throw new AgentwireError('ERR_INVALID_STATE', 'an answer does not begin with its version');
    }
    VERSION_ONE.copy(payload);
    this.#asked = false;
    // the brace is the frame's type byte
    return writeFrame(outbox, BRACE, payload.subarray(1), MAX_MESSAGE_BYTES);
  }

  read(type: number, bytes: Buffer, start: number, end: number): Received {
    const { event_type: name, payload } = parseFrame(type, bytes, start, end);
    const byte = typeof name === 'string' ? byteOfEventType(name) : undefined;
    if (byte === undefined || !isObject(payload)) {
      const what = byte === undefined ? 'its event_type is not known' : 'its payload is not an object';
      throw new AgentwireError('ERR_PROTOCOL', `a message of version 1 cannot be read: ${what}`);
    }
    if (this.#asked) {
      // without ids on answers, two questions at once would get each other's
      throw new AgentwireError('ERR_PROTOCOL', 'version 1 asks one thing at a time; a second came before the answer');
    }
    const text = Buffer.from(stringifyJson(asVersionTwo(payload, name === 'configure')));
    const message = this.#inner.read(byte, text, 0, text.length);
    if (message === undefined) throw new AgentwireError('ERR_PROTOCOL', `a ${String(name)} of version 1 has no id`);
    this.#asked = true;
    // version 1 answers everything; a session skips the end of a request that cannot be read
    if (message.type === 'malformed' && message.of === 'requestComplete') this.#acknowledge();
    return message;
  }

  #acknowledge(): void {
    this.write({ type: 'answer', id: NO_ID, decision: ALLOW }, this.#outbox);
  }
}

/** Takes the id out of an answer, in place: version 1 has none, and an old proxy would write it into its audit log. */
function withoutId(payload: Buffer): Buffer {
  const at = payload.indexOf(MARKED);
  if (at === -1) throw new AgentwireError('ERR_INVALID_STATE', 'an answer was written without its id');
  // the id comes last, after the agent's own fields
  const start = payload[at - 1] === COMMA ? at - 1 : at;
  const end = at + MARKED.length;
  payload.copyWithin(start, end);
  return payload.subarray(0, payload.length - (end - start));
}

/**
 * The payload as version 2 has it: with the id that it routes by, which a head has in its metadata and a configuration not
 * at all, and a configuration without the name of the agent beside it.
 */
function asVersionTwo(payload: JsonObject, isConfigure: boolean): JsonObject {
  if (isConfigure && 'config' in payload) return { config: payload['config'], correlation_id: NO_ID };
  if (typeof payload['correlation_id'] === 'string') return payload;
  const metadata = isObject(payload['metadata']) ? payload['metadata'] : {};
  return { ...payload, correlation_id: metadata['correlation_id'] ?? NO_ID };
}
