import type { Message, Role } from '@agentwire/core';
import type { Outbox } from '@agentwire/wire-codec';
import { PREFIX_BYTES } from '../connection/message-reader.ts';
import type { CodecContext } from './codec-context.ts';
import {
  AGENT_RESPONSE,
  PROXY_REQUEST_BODY_CHUNK,
  PROXY_REQUEST_HEADERS,
  PROXY_RESPONSE_BODY_CHUNK,
} from './hot/field-tags.ts';
import { readAnswer } from './hot/read-answer.ts';
import { readBodyChunk, readRequestHeaders } from './hot/read-events.ts';
import { writeAnswer } from './hot/write-answer.ts';
import { writeBodyChunk, writeRequestHeaders } from './hot/write-events.ts';
import { ExactPings } from './reference/exact-pings.ts';
import { readAgentMessage, readProxyMessage, type Read } from './reference/reference-reader.ts';
import { writeAgentMessage, writeProxyMessage } from './reference/reference-writer.ts';

/** Writes and reads the messages of one connection: the hot ones straight, the rest through protobuf-es. */
export interface Codec {
  /** Writes `message` behind a free prefix into `outbox`, without committing it. @returns where its bytes end. */
  write(message: Message, outbox: Outbox): number;
  /** Reads the message in `buffer` from `start` to `end`. */
  read(buffer: Buffer, start: number, end: number): Read;
}

function writeHot(message: Message, outbox: Outbox, context: CodecContext): number {
  switch (message.type) {
    case 'requestHeaders':
      return writeRequestHeaders(message, outbox, context.isAgentwire);
    case 'requestBodyChunk':
    case 'responseBodyChunk':
      return writeBodyChunk(message, outbox);
    case 'answer':
      return writeAnswer(message, outbox, context);
    default:
      return -1;
  }
}

function readHotEvent(buffer: Buffer, start: number, end: number, isAgentwire: boolean): Read {
  switch (buffer[start]) {
    case PROXY_REQUEST_HEADERS:
      return readRequestHeaders(buffer, start + 1, end, isAgentwire);
    case PROXY_REQUEST_BODY_CHUNK:
      return readBodyChunk('requestBodyChunk', buffer, start + 1, end);
    case PROXY_RESPONSE_BODY_CHUNK:
      return readBodyChunk('responseBodyChunk', buffer, start + 1, end);
    default:
      return undefined;
  }
}

/** Makes the codec of one side. */
export function createCodec(role: Role, given: CodecContext): Codec {
  const context: CodecContext = { ...given, pings: new ExactPings() };
  const encode = role === 'proxy' ? writeProxyMessage : writeAgentMessage;
  const write = (message: Message, outbox: Outbox): number => {
    const end = writeHot(message, outbox, context);
    if (end >= 0) return end;
    const bytes = encode(message, context);
    const at = outbox.reserve(PREFIX_BYTES + bytes.length) + PREFIX_BYTES;
    outbox.bytes.set(bytes, at);
    return at + bytes.length;
  };
  const readHot = (buffer: Buffer, start: number, end: number): Read => {
    if (end === start) return undefined;
    if (role === 'agent') return readHotEvent(buffer, start, end, context.isAgentwire);
    return buffer[start] === AGENT_RESPONSE ? readAnswer(buffer, start + 1, end) : undefined;
  };
  const read = (buffer: Buffer, start: number, end: number): Read => {
    const hot = readHot(buffer, start, end);
    if (hot !== undefined) return hot;
    // data of a message is a view of these bytes, and is not to be a Buffer
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start);
    return role === 'proxy' ? readAgentMessage(bytes, context) : readProxyMessage(bytes, context);
  };
  return { write, read };
}
