import { AgentwireError, type Connection, type RequestId, type Transport } from '@agentwire/core';
import { tamper } from './tamper.ts';

/** Text of the error of an answer that cannot be decoded. */
export const UNDECODABLE = 'the bytes of the answer cannot be decoded';

// frozen, so that the memory transport passes it on as it is
const broken = Object.freeze({ verdict: Object.freeze({ type: 'allow' }) } as const);

/** The first of `preferred` that `other` has, or JSON. */
export function firstShared(preferred: readonly string[], other: readonly string[]): string {
  return preferred.find((encoding) => other.includes(encoding)) ?? 'json';
}

/**
 * Gives a transport without bytes what one with bytes has: it negotiates an encoding, and an answer that
 * {@link malform} sent arrives as one that cannot be decoded.
 */
export function coded(transport: Transport): Transport {
  return tamper(transport, {
    deliver(message, _end, deliver) {
      if (message.type !== 'answer' || message.decision !== broken) return deliver(message);
      const error = new AgentwireError('ERR_PROTOCOL', UNDECODABLE);
      return deliver({ type: 'malformed', of: 'answer', id: message.id, error });
    },
    members({ real, self }) {
      const [proxy, agent] = self.role === 'proxy' ? [self, real.peer] : [real.peer, self];
      return { peer: { ...real.peer, encoding: firstShared(proxy.encodings, agent.encodings) } };
    },
  });
}

/** Sends an answer that a {@link coded} transport cannot decode. */
export function malform(connection: Connection, id: RequestId): void {
  connection.send({ type: 'answer', id, decision: broken });
}
