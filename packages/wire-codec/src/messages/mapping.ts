import type { Message, MessageType } from '@agentwire/core';

import type { Form } from './form.ts';
import type { Struct } from './struct.ts';

/** The message of one type. */
export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;

/** How messages of one type go to wire objects and back, in every form. */
export interface Mapping<T extends MessageType> {
  readonly type: T;
  /** The structure behind it, where there is one for all forms. */
  readonly struct?: Struct<Omit<MessageOf<T>, 'type'>>;
  write(message: MessageOf<T>, form: Form): Record<string, unknown>;
  read(wire: unknown, form: Form): MessageOf<T>;
}

/** A mapping that is its structure and nothing else. */
export function plain<T extends MessageType>(type: T, rows: Struct<Omit<MessageOf<T>, 'type'>>): Mapping<T> {
  return {
    type,
    struct: rows,
    write: (message, form) => rows.write(message, form),
    read: (wire, form) => ({ type, ...rows.read(wire, form) }) as unknown as MessageOf<T>,
  };
}
