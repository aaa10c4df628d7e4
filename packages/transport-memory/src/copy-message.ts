import { AgentwireError, type Decision, type Message, type Received } from '@agentwire/core';
import { asReceived, checkSendable } from '@agentwire/core/internal';

/** Private copy of a message and its estimated length. An impossible answer or head is malformed. */
export interface MessageCopy {
  readonly message: Received;
  /** Estimated length in bytes. */
  readonly bytes: number;
}

/** Deepest nesting of plain values in a message; the codecs allow 32 below a message's own fields. */
const MAX_DEPTH = 64;

// Decisions that were found frozen all the way down, with their weight: shared instead of copied.
const frozenDecisions = new WeakMap<Decision, number>();

class Walk {
  bytes = 0;
  frozen = true;

  copy(value: unknown, depth: number): unknown {
    if (typeof value === 'string') this.bytes += value.length + 2;
    else if (typeof value !== 'object' || value === null) this.bytes += 8;
    else return this.#copyObject(value, depth);
    return value;
  }

  #copyObject(value: object, depth: number): unknown {
    if (depth > MAX_DEPTH) {
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `a message is nested deeper than ${MAX_DEPTH} levels or holds itself`,
      );
    }
    if (value instanceof Uint8Array) {
      this.frozen = false;
      this.bytes += value.length + 4;
      return new Uint8Array(value);
    }
    this.frozen &&= Object.isFrozen(value);
    this.bytes += 2;
    if (Array.isArray(value)) return value.map((item) => this.copy(item, depth + 1));
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      this.bytes += key.length + 4;
      const field = this.copy(item, depth + 1);
      // a plain assignment of this name would set the prototype
      if (key === '__proto__')
        Object.defineProperty(copy, key, { value: field, enumerable: true, configurable: true, writable: true });
      else copy[key] = field;
    }
    return copy;
  }
}

function copyDecision(decision: Decision): { readonly decision: Decision; readonly bytes: number } {
  const known = frozenDecisions.get(decision);
  if (known !== undefined) return { decision, bytes: known };
  const walk = new Walk();
  const copy = walk.copy(decision, 0) as Decision;
  if (!walk.frozen) return { decision: copy, bytes: walk.bytes };
  frozenDecisions.set(decision, walk.bytes);
  return { decision, bytes: walk.bytes };
}

/**
 * Copies a message so that the sender may change or reuse everything it handed in; a deeply frozen decision is shared.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a value that holds itself or is nested past 64 levels, and for a block that
 * has a header name twice
 */
export function copyMessage(message: Message): MessageCopy {
  if (message.type === 'answer') {
    const { decision, bytes } = copyDecision(message.decision);
    const answer: Message = { type: 'answer', id: message.id, decision };
    checkSendable(answer);
    return { message: asReceived(answer), bytes: bytes + 32 };
  }
  const walk = new Walk();
  const copy = walk.copy(message, 0) as Message;
  return { message: asReceived(copy), bytes: walk.bytes };
}
