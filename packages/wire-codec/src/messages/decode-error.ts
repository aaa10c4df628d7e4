import { AgentwireError, type ErrorCode, type MessageType } from '@agentwire/core';

/** Error of content that is no message: the reason and the field, never the value. */
export class DecodeError extends Error {
  readonly code: ErrorCode;
  #path = '';

  constructor(what: string, code: ErrorCode = 'ERR_PROTOCOL') {
    super(what);
    this.name = 'DecodeError';
    this.code = code;
  }

  /** Adds the enclosing field to the path. */
  within(step: string | number): this {
    const own = typeof step === 'number' ? `[${step}]` : step;
    const gap = this.#path === '' || this.#path.startsWith('[') ? '' : '.';
    this.#path = own + gap + this.#path;
    return this;
  }

  /** Converts it to the error that is delivered. */
  toError(of: MessageType): AgentwireError {
    const where = this.#path === '' ? '' : ` at ${this.#path}`;
    return new AgentwireError(this.code, `${of} cannot be decoded${where}: ${this.message}`, {
      detail: this.#path === '' ? { of } : { of, field: this.#path },
    });
  }
}

/** Runs `read` and adds `step` to the path of a {@link DecodeError}. */
export function inside<T>(step: string | number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof DecodeError ? error.within(step) : error;
  }
}
