import type { Dialect, Message } from '@agentwire/core';

/** A message as it must arrive when `sent` was sent; the value of `TransportUnderTest.arrivesAs`. */
export type ArrivesAs = (sent: Message) => Message;

const unchanged: ArrivesAs = (sent) => sent;

/** The documented dialect has no field for the time of a cancel or of flow control. */
const throughDocumented: ArrivesAs = (sent) => {
  if (sent.type !== 'cancel' && sent.type !== 'flowControl') return sent;
  const { timestampMs: _, ...rest } = sent as Message & { timestampMs?: number };
  return rest as Message;
};

const throughZentinel: ArrivesAs = (sent) => {
  switch (sent.type) {
    case 'requestHeaders':
      // the correlation id is the request's id there
      return { ...sent, hasBody: undefined, metadata: { ...sent.metadata, correlationId: String(sent.id) } };
    case 'responseHeaders':
      return { ...sent, hasBody: undefined };
    case 'requestBodyChunk':
    case 'responseBodyChunk':
      // a required field there: without a count it is the length of the chunk
      return { ...sent, bytesTransferred: sent.bytesTransferred ?? sent.data.length };
    case 'healthStatus': {
      const { agentId, state, message, load, resources, validUntilMs, timestampMs } = sent;
      return { type: 'healthStatus', agentId, state, message, load, resources, validUntilMs, timestampMs };
    }
    default:
      return sent;
  }
};

/**
 * Known losses of a dialect, for `arrivesAs` of a transport that writes its messages with `@agentwire/wire-codec`.
 *
 * @param encoding `json` and `msgpack` lose the fields that the dialect has none for; with any other encoding
 * (`protobuf`, a transport's own) a message arrives as it was sent
 */
export function arrivesIn(dialect: Dialect, encoding: string): ArrivesAs {
  if (encoding !== 'json' && encoding !== 'msgpack') return unchanged;
  return dialect === 'zentinel' ? throughZentinel : throughDocumented;
}
