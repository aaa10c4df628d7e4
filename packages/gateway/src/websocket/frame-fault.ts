import { AgentwireError } from '@agentwire/core';
import { Refusal } from '@agentwire/pipeline';

/** Code and reason of a close frame. */
export interface Close {
  readonly code: number;
  readonly reason: string;
}

/** Frames that RFC 6455 forbids, or that are too long. */
export class FrameFault extends AgentwireError {
  readonly side: 'client' | 'upstream';
  readonly close: Close;

  constructor(side: FrameFault['side'], close: Close, cause: Error) {
    const code = close.code === 1009 ? 'ERR_MESSAGE_TOO_LARGE' : 'ERR_PROTOCOL';
    super(code, `the ${side} sent a bad WebSocket frame: ${close.reason}`, { cause });
    this.side = side;
    this.close = close;
  }
}

/** Closes by the codes of `ws`; others are 1002. */
const CLOSES: Readonly<Record<string, Close>> = {
  WS_ERR_INVALID_UTF8: { code: 1007, reason: 'a text that is not UTF-8' },
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: { code: 1009, reason: 'too long' },
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: { code: 1009, reason: 'too long' },
  WS_ERR_TOO_MANY_BUFFERED_PARTS: { code: 1009, reason: 'in too many parts' },
};

/** Converts an error of the parser of `ws`. */
export function frameFault(error: Error, side: FrameFault['side']): FrameFault {
  const code = 'code' in error ? String(error.code) : '';
  return new FrameFault(side, CLOSES[code] ?? { code: 1002, reason: 'not allowed by the protocol' }, error);
}

/** Returns the close frame for one side after an error. */
export function closeFor(error: unknown, side: FrameFault['side']): Close {
  if (error instanceof FrameFault) {
    if (error.side === side) return error.close;
    return side === 'client' ? { code: 1011, reason: 'a bad frame' } : { code: 1001, reason: '' };
  }
  if (!(error instanceof Refusal)) return { code: 1011, reason: 'no decision' };
  const { verdict, webSocket } = error.decision;
  if (webSocket?.type === 'close') return webSocket;
  // the failure policy blocks with 503
  if (verdict.type === 'block' && verdict.status >= 500) return { code: 1011, reason: 'no decision' };
  return { code: 1008, reason: 'blocked' };
}
