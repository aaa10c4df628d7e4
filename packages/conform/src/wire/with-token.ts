import { parseJson } from './json-answer.ts';
import type { Wire } from './wire.ts';

/** Adds a token to every handshake; over gRPC it is a header of the call instead. */
export function withToken(wire: Wire, token: string): Wire {
  if (wire.form === 'grpc') return wire;
  return {
    ...wire,
    hello(change) {
      const { type, payload } = wire.hello(change);
      return { type, payload: Buffer.from(JSON.stringify({ ...parseJson(payload), auth_token: token })) };
    },
  };
}
