import type { Decision } from '@agentwire/core';
import { checkOptions, type OptionTable } from '@agentwire/core/internal';
import { type AskOptions, connectSession, SessionClient, type SessionClientOptions } from '@agentwire/core/session';
import { clientHello, SESSION_CLIENT_TABLE } from '@agentwire/core/session/internal';
import { STREAM_TABLE, type StreamOptions } from '../options.ts';
import { createUdsTransport } from '../uds-transport.ts';
import type { BinaryRequestBodyChunk } from './binary-request-body-chunk.ts';

/** Options of {@link AgentClientV2Uds.connect}: the client's, and the transport's. */
export interface AgentClientV2UdsOptions
  extends SessionClientOptions, Pick<StreamOptions, 'dialect' | 'closeTimeoutMs'> {}

const { dialect: DIALECT, closeTimeoutMs: CLOSE_TIMEOUT } = STREAM_TABLE;
const TABLE: OptionTable<AgentClientV2UdsOptions> = {
  ...SESSION_CLIENT_TABLE,
  dialect: DIALECT,
  closeTimeoutMs: CLOSE_TIMEOUT,
};

/** A client for one agent on a Unix socket, without a pool; take `@agentwire/pool` for more than one connection. */
export class AgentClientV2Uds extends SessionClient {
  /**
   * Connects to the agent that listens at `path` and does the handshake.
   *
   * @param path of the socket, at most 107 bytes; `unix:PATH` is the same
   * @throws AgentwireError `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_REFUSED`, `ERR_VERSION_MISMATCH`,
   * `ERR_PROTOCOL`, `ERR_INVALID_ADDRESS`, `ERR_INVALID_ARGUMENT`.
   */
  static async connect(path: string, options: AgentClientV2UdsOptions = {}): Promise<AgentClientV2Uds> {
    checkOptions('AgentClientV2Uds.connect', options, TABLE);
    const { dialect, closeTimeoutMs, clock, logger } = options;
    const transport = createUdsTransport({ dialect, closeTimeoutMs, clock, logger });
    const address = path.startsWith('unix:') ? path : `unix:${path}`;
    return new AgentClientV2Uds(await connectSession(transport, address, { ...options, self: clientHello(options) }));
  }

  /** The same as `sendRequestBodyChunk`, which never makes text of bytes either; named as the documents do. */
  sendRequestBodyChunkBinary(chunk: BinaryRequestBodyChunk, options?: AskOptions): Promise<Decision> {
    return this.sendRequestBodyChunk(chunk, options);
  }
}
