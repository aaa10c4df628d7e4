import type { VersionOneProtocol } from '@agentwire/wire-codec';
import { AgentCodec } from './agent-codec.ts';
import { versionOnePeer } from './peer.ts';

/**
 * Protocol version 1 for agents: as the option `versionOne` of a stream transport it admits old proxies beside new ones,
 * recognised by their first byte and served by the same handlers.
 *
 * Such a proxy asks one thing at a time on a connection; a second question before the answer ends it with `ERR_PROTOCOL`.
 */
export const versionOne: VersionOneProtocol = Object.freeze<VersionOneProtocol>({
  peer: versionOnePeer('proxy'),
  createCodec: ({ logger, outbox }) => new AgentCodec(outbox, logger),
});
