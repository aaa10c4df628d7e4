import type { Dialect, Message, MessageType } from '@agentwire/core';

import * as documentedJson from '../generated/documented-json.ts';
import * as documentedMsgpack from '../generated/documented-msgpack.ts';
import * as zentinelJson from '../generated/zentinel-json.ts';
import * as zentinelMsgpack from '../generated/zentinel-msgpack.ts';
import { JsonReader } from '../json/json-reader.ts';
import { MsgpackReader } from '../msgpack/msgpack-reader.ts';
import { MsgpackWriter } from '../msgpack/msgpack-writer.ts';
import type { Outbox } from '../outbox/outbox.ts';
import type { WireFormat } from './wire-format.ts';
import { commitFrame, FRAME_HEAD_BYTES, reserveFrame } from './frame-space.ts';

/** Generated codec of the hot messages. Both methods return `undefined` for a message that they leave to the reference. */
export interface FastCodec {
  write(message: Message, byte: number, outbox: Outbox, maxMessageBytes: number): boolean | undefined;
  read(of: MessageType, bytes: Buffer, start: number, end: number): Message | undefined;
}

// one of each for all connections: only the text of the last read outlives a call
const jsonReader = new JsonReader();
const msgpackReader = new MsgpackReader();
const msgpackWriter = new MsgpackWriter();

/** Runs a generated reader; a RangeError means that it has declined. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

type JsonModule = typeof documentedJson;

const JSON_MODULES: Readonly<Record<Dialect, JsonModule>> = { documented: documentedJson, zentinel: zentinelJson };

function jsonText(module: JsonModule, message: Message): string | undefined {
  switch (message.type) {
    case 'answer':
      return module.writeAnswer(message);
    case 'requestHeaders':
      return module.writeRequestHeaders(message);
    case 'requestBodyChunk':
      return module.writeRequestBodyChunk(message);
    case 'responseHeaders':
      return module.writeResponseHeaders(message);
    case 'responseBodyChunk':
      return module.writeResponseBodyChunk(message);
    default:
      return undefined;
  }
}

/** Writes JSON text; `undefined` for a bigint, which the reference writes, and for a cycle, which it refuses. */
function tryText(module: JsonModule, message: Message): string | undefined {
  try {
    return jsonText(module, message);
  } catch {
    return undefined;
  }
}

function readJson(module: JsonModule, of: MessageType, end: number): Message | undefined {
  switch (of) {
    case 'answer':
      return module.readAnswer(jsonReader, end);
    case 'requestHeaders':
      return module.readRequestHeaders(jsonReader, end);
    case 'requestBodyChunk':
      return module.readRequestBodyChunk(jsonReader, end);
    case 'responseHeaders':
      return module.readResponseHeaders(jsonReader, end);
    case 'responseBodyChunk':
      return module.readResponseBodyChunk(jsonReader, end);
    default:
      return undefined;
  }
}

/** Readers of the crate's JSON events whose names are sorted. */
const SORTED: JsonModule = {
  ...zentinelJson,
  readRequestHeaders: zentinelJson.readRequestHeadersSorted,
  readRequestBodyChunk: zentinelJson.readRequestBodyChunkSorted,
  readResponseHeaders: zentinelJson.readResponseHeadersSorted,
  readResponseBodyChunk: zentinelJson.readResponseBodyChunkSorted,
};

class FastJson implements FastCodec {
  readonly #write: JsonModule;
  /** Readers to try; the one that read the last message comes first. */
  #first: JsonModule;
  #second: JsonModule | undefined;

  constructor(format: WireFormat) {
    this.#write = JSON_MODULES[format.dialect];
    this.#first = this.#write;
    this.#second = format.dialect === 'documented' ? undefined : SORTED;
  }

  write(message: Message, byte: number, outbox: Outbox, maxMessageBytes: number): boolean | undefined {
    const text = tryText(this.#write, message);
    // JSON.stringify writes half a surrogate pair as an escape, which other parsers refuse
    if (text === undefined || text.includes('\\ud')) return undefined;
    const size = Buffer.byteLength(text);
    // header values past ASCII may have to be converted, see wireHeaderValue
    const isHead = message.type === 'requestHeaders' || message.type === 'responseHeaders';
    if (size !== text.length && isHead) return undefined;
    const at = reserveFrame(outbox, message, size, maxMessageBytes);
    const from = at + FRAME_HEAD_BYTES;
    if (size === text.length) outbox.bytes.write(text, from, 'latin1');
    else outbox.bytes.write(text, from, 'utf8');
    return commitFrame(outbox, byte, at, from + size);
  }

  read(of: MessageType, bytes: Buffer, start: number, end: number): Message | undefined {
    jsonReader.begin(bytes, start, end);
    const message = attempt(() => readJson(this.#first, of, end));
    if (message !== undefined || this.#second === undefined || of === 'answer') return message;
    jsonReader.begin(bytes, start, end);
    const second = this.#second;
    const other = attempt(() => readJson(second, of, end));
    if (other === undefined) return undefined;
    this.#second = this.#first;
    this.#first = second;
    return other;
  }
}

type MsgpackModule = typeof documentedMsgpack;

const MSGPACK: Readonly<Record<Dialect, MsgpackModule>> = { documented: documentedMsgpack, zentinel: zentinelMsgpack };

/** Writes a message into the writer. @returns whether its type has a generated writer */
function writeMsgpack(module: MsgpackModule, message: Message): boolean {
  switch (message.type) {
    case 'answer':
      module.writeAnswer(msgpackWriter, message);
      return true;
    case 'requestHeaders':
      module.writeRequestHeaders(msgpackWriter, message);
      return true;
    case 'requestBodyChunk':
      module.writeRequestBodyChunk(msgpackWriter, message);
      return true;
    case 'responseHeaders':
      module.writeResponseHeaders(msgpackWriter, message);
      return true;
    case 'responseBodyChunk':
      module.writeResponseBodyChunk(msgpackWriter, message);
      return true;
    default:
      return false;
  }
}

function readMsgpack(module: MsgpackModule, of: MessageType, end: number): Message | undefined {
  switch (of) {
    case 'answer':
      return module.readAnswer(msgpackReader, end);
    case 'requestHeaders':
      return module.readRequestHeaders(msgpackReader, end);
    case 'requestBodyChunk':
      return module.readRequestBodyChunk(msgpackReader, end);
    case 'responseHeaders':
      return module.readResponseHeaders(msgpackReader, end);
    case 'responseBodyChunk':
      return module.readResponseBodyChunk(msgpackReader, end);
    default:
      return undefined;
  }
}

class FastMsgpack implements FastCodec {
  readonly #module: MsgpackModule;

  constructor(format: WireFormat) {
    this.#module = MSGPACK[format.dialect];
  }

  write(message: Message, byte: number, outbox: Outbox, maxMessageBytes: number): boolean | undefined {
    if (!writeMsgpack(this.#module, message) || msgpackWriter.declined) return undefined;
    const at = reserveFrame(outbox, message, msgpackWriter.size, maxMessageBytes);
    return commitFrame(outbox, byte, at, msgpackWriter.put(outbox.bytes, at));
  }

  read(of: MessageType, bytes: Buffer, start: number, end: number): Message | undefined {
    msgpackReader.begin(bytes, start, end);
    return attempt(() => readMsgpack(this.#module, of, end));
  }
}

/** Makes the generated codec of one format. */
export function createFastCodec(format: WireFormat): FastCodec {
  return format.encoding === 'json' ? new FastJson(format) : new FastMsgpack(format);
}
