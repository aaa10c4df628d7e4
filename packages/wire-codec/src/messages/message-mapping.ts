import type { Message, MessageType } from '@agentwire/core';

import type { WireFormat } from './wire-format.ts';
import type { Struct } from './struct.ts';

/** The message of one type. */
export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;

/** Mapping of messages of one type to wire objects and back, in every format. */
export interface MessageMapping<T extends MessageType> {
  readonly type: T;
  /** Its structure, where one serves all formats. */
  readonly struct?: Struct<Omit<MessageOf<T>, 'type'>>;
  write(message: MessageOf<T>, format: WireFormat): Record<string, unknown>;
  read(wire: unknown, format: WireFormat): MessageOf<T>;
}

/** Makes the mapping of a type that is one structure. */
export function plain<T extends MessageType>(type: T, rows: Struct<Omit<MessageOf<T>, 'type'>>): MessageMapping<T> {
  return {
    type,
    struct: rows,
    write: (message, format) => rows.write(message, format),
    read: (wire, format) => ({ type, ...rows.read(wire, format) }) as unknown as MessageOf<T>,
  };
}
