import { A2AError } from '@a2a-js/sdk/errors';
import type { ErrorCode } from '@agentwire/core';

/** Error of a bridge for which the protocol has no code of its own: an internal error (-32603) whose reason is one of our codes. */
export class BridgeError extends A2AError {
  override readonly reason: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.reason = code;
  }
}
