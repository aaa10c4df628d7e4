import type { Logger, Peer, Role } from '@agentwire/core';
import type { MessageCodec } from '../messages/create-message-codec.ts';
import type { Outbox } from '../outbox/outbox.ts';

/** Options of a codec of version 1. */
export interface VersionOneCodecOptions {
  /** The role of this side. */
  readonly role: Role;
  readonly logger: Logger;
  /** Buffer for answers that only version 1 has, such as the one to the end of a request. */
  readonly outbox: Outbox;
}

/**
 * Protocol version 1 for a listener of version 2: the frames have one format (the JSON's `{` is read as the type), only
 * their content differs. `@agentwire/v1` implements it.
 */
export interface VersionOneProtocol {
  /** Peer of such a connection: a proxy of version 1 sends no hello. */
  readonly peer: Peer;
  createCodec(options: VersionOneCodecOptions): MessageCodec;
}
