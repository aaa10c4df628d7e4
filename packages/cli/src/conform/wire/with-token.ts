import { parseJson } from './json-answer.ts';
import type { Wire } from './wire.ts';

/** The same form with a token in every handshake; over gRPC it stands in the headers of the call instead. */
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
