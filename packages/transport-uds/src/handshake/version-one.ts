import { toAgentwireError, type Hello, type Logger, type Peer } from '@agentwire/core';
import type { MessageCodec, Outbox, VersionOneProtocol } from '@agentwire/wire-codec';
import type { StreamConnection } from '../stream/connection.ts';

/** A peer whose first frame was understood, and what opens its connection. */
export interface Admitted {
  readonly hello: Hello;
  readonly peer: Peer;
  /** The answer that leaves before anything else; version 1 has none. */
  readonly answer?: (connectionId: string) => Uint8Array;
  readonly codec?: (outbox: Outbox) => MessageCodec;
  /** Delivers what the first frame held besides. */
  readonly first?: (connection: StreamConnection) => void;
}

/** Admits a proxy of version 1: it shakes no hands, so its first frame is an event already. */
export function admitVersionOne(
  protocol: VersionOneProtocol,
  logger: Logger,
  bytes: Buffer,
  start: number,
  end: number,
): Admitted {
  const { peer } = protocol;
  // the bytes may have to wait for `authorize`
  const frame = Buffer.from(bytes.subarray(start - 1, end));
  return {
    hello: peer,
    peer,
    codec: (outbox) => protocol.createCodec({ role: 'agent', logger, outbox }),
    first(connection) {
      try {
        connection.onFrame(frame[0] as number, frame, 1, frame.length);
      } catch (error) {
        connection.onFault(toAgentwireError(error, 'ERR_PROTOCOL'));
      }
    },
  };
}
