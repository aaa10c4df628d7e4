import type { Message, Role } from '@agentwire/core';
import type { Outbox } from '@agentwire/wire-codec';
import { PREFIX_BYTES } from '../connection/frame-reader.ts';
import type { CodecContext } from './codec-context.ts';
import { readAgentMessage, readProxyMessage, type Read } from './reference/reference-reader.ts';
import { writeAgentMessage, writeProxyMessage } from './reference/reference-writer.ts';

/** Writes and reads the messages of one connection. */
export interface Codec {
  /** Writes `message` behind a free prefix into `outbox`, without committing it. @returns where its bytes end. */
  write(message: Message, outbox: Outbox): number;
  /** Reads the message in `buffer` from `start` to `end`. */
  read(buffer: Buffer, start: number, end: number): Read;
}

/** Makes the codec of one side. */
export function createCodec(role: Role, context: CodecContext): Codec {
  const encode = role === 'proxy' ? writeProxyMessage : writeAgentMessage;
  const write = (message: Message, outbox: Outbox): number => {
    const bytes = encode(message, context);
    const at = outbox.reserve(PREFIX_BYTES + bytes.length) + PREFIX_BYTES;
    outbox.bytes.set(bytes, at);
    return at + bytes.length;
  };
  const read = (buffer: Buffer, start: number, end: number): Read => {
    // data of a message is a view of these bytes, and is not to be a Buffer
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start);
    return role === 'proxy' ? readAgentMessage(bytes) : readProxyMessage(bytes, context);
  };
  return { write, read };
}
