import type { RequestBodyChunk, RequestId } from '@agentwire/core';

/** What a {@link BinaryRequestBodyChunk} is made from. */
export interface BinaryChunkInit {
  /** The id that the request's headers were sent with. */
  readonly id: RequestId;
  readonly data: Uint8Array;
  /** Position in the body, from 0. */
  readonly index: number;
  /** Whether this is the end of the body. */
  readonly last: boolean;
  /** Length of the whole body in bytes, where it is known. */
  readonly totalSize?: number | undefined;
}

/**
 * A piece of a request's body as bytes, never as base64 text: MessagePack carries it as it is, JSON encodes it on the
 * way out.
 */
export class BinaryRequestBodyChunk implements Omit<RequestBodyChunk, 'type'> {
  readonly id: RequestId;
  readonly data: Uint8Array;
  readonly index: number;
  readonly last: boolean;
  readonly totalSize: number | undefined;

  constructor(init: BinaryChunkInit) {
    this.id = init.id;
    this.data = init.data;
    this.index = init.index;
    this.last = init.last;
    this.totalSize = init.totalSize;
  }
}
