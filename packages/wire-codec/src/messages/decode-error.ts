import { AgentwireError } from '@agentwire/core';
import type { ErrorCode, MessageType } from '@agentwire/core';

/** Content that cannot be a message: what is wrong and at which field, never the value. */
export class DecodeError extends Error {
  readonly code: ErrorCode;
  #path = '';

  constructor(what: string, code: ErrorCode = 'ERR_PROTOCOL') {
    super(what);
    this.name = 'DecodeError';
    this.code = code;
  }

  /** Says one level further out where it happened. */
  within(step: string | number): this {
    const own = typeof step === 'number' ? `[${step}]` : step;
    const gap = this.#path === '' || this.#path.startsWith('[') ? '' : '.';
    this.#path = own + gap + this.#path;
    return this;
  }

  /** The error that the program sees. */
  toError(of: MessageType): AgentwireError {
    const where = this.#path === '' ? '' : ` at ${this.#path}`;
    return new AgentwireError(this.code, `${of} cannot be decoded${where}: ${this.message}`, {
      detail: this.#path === '' ? { of } : { of, field: this.#path },
    });
  }
}

/** Runs `read`; a {@link DecodeError} gets `step` in front of its path. */
export function inside<T>(step: string | number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof DecodeError ? error.within(step) : error;
  }
}
