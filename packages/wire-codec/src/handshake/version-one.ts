import type { Logger, Peer, Role } from '@agentwire/core';
import type { MessageCodec } from '../messages/create-message-codec.ts';
import type { Outbox } from '../outbox/outbox.ts';

/** What a codec of version 1 needs to know. */
export interface VersionOneCodecOptions {
  /** The role of this side. */
  readonly role: Role;
  readonly logger: Logger;
  /** Where answers go that nobody but version 1 wants, such as the one to the end of a request. */
  readonly outbox: Outbox;
}

/**
 * Protocol version 1 for a listener of version 2: frames are cut alike (the JSON's `{` stands where version 2 has the
 * type), so all that differs is what is in them. `@agentwire/v1` has the one there is.
 */
export interface VersionOneProtocol {
  /** What is assumed of a proxy of version 1, which says nothing of itself. */
  readonly peer: Peer;
  createCodec(options: VersionOneCodecOptions): MessageCodec;
}
