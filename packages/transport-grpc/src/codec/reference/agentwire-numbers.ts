import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';

/** Field numbers from here up are agentwire's; below it they are the protocol's. */
const FIRST_AGENTWIRE_NUMBER = 100;

function clear(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (field.number >= FIRST_AGENTWIRE_NUMBER) message.clear(field);
    else if (field.fieldKind === 'message') clear(message.get(field));
  }
}

/**
 * Removes the fields from number 100 up from a message of a third-party peer: there they may mean something else.
 */
export function withoutAgentwireNumbers<T extends DescMessage>(schema: T, message: MessageShape<T>): MessageShape<T> {
  clear(reflect(schema, message));
  return message;
}
