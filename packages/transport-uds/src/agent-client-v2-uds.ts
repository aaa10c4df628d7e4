import type { Decision, RequestBodyChunk, RequestId } from '@agentwire/core';
import { checkOptions, type OptionTable } from '@agentwire/core/internal';
import { type AskOptions, connectSession, SessionClient, type SessionClientOptions } from '@agentwire/core/session';
import { clientHello, SESSION_CLIENT_TABLE } from '@agentwire/core/session/internal';
import type { FramedOptions } from '@agentwire/transport-framed';
import { FRAMED_TABLE } from '@agentwire/transport-framed/internal';
import { createUdsTransport } from './uds-transport.ts';

/** Options of {@link AgentClientV2Uds.connect}: the client's, and the transport's. */
export interface AgentClientV2UdsOptions
  extends SessionClientOptions, Pick<FramedOptions, 'dialect' | 'closeTimeoutMs'> {}

const { dialect: DIALECT, closeTimeoutMs: CLOSE_TIMEOUT } = FRAMED_TABLE;
const TABLE: OptionTable<AgentClientV2UdsOptions> = {
  ...SESSION_CLIENT_TABLE,
  dialect: DIALECT,
  closeTimeoutMs: CLOSE_TIMEOUT,
};

/** Content of a {@link BinaryRequestBodyChunk}. */
export interface BinaryChunkInit {
  /** Id of the request, as its headers were sent with. */
  readonly id: RequestId;
  readonly data: Uint8Array;
  /** Position in the body, from 0. */
  readonly index: number;
  /** Set on the end of the body. */
  readonly last: boolean;
  /** Length of the whole body in bytes, if it is known. */
  readonly totalSize?: number | undefined;
}

/** A piece of a request's body as bytes: MessagePack carries it as it is, JSON encodes it when it is sent. */
export class BinaryRequestBodyChunk implements Omit<RequestBodyChunk, 'type'> {
  readonly id: RequestId;
  readonly data: Uint8Array;
  readonly index: number;
  readonly last: boolean;
  readonly totalSize: number | undefined;

  constructor({ id, data, index, last, totalSize }: BinaryChunkInit) {
    this.id = id;
    this.data = data;
    this.index = index;
    this.last = last;
    this.totalSize = totalSize;
  }
}

/** A client for one agent on a Unix socket, without a pool; use `@agentwire/pool` for more than one connection. */
export class AgentClientV2Uds extends SessionClient {
  /**
   * Connects to the agent that listens at `path` and does the handshake.
   *
   * @param path path of the socket, at most 107 bytes; `unix:PATH` is the same
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

  /** Sends like `sendRequestBodyChunk`, which never makes text of bytes either; the name is the documents'. */
  sendRequestBodyChunkBinary(chunk: BinaryRequestBodyChunk, options?: AskOptions): Promise<Decision> {
    return this.sendRequestBodyChunk(chunk, options);
  }
}
