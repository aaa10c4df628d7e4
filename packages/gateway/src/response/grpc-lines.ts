import type { HeaderList } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';

/** Returns the `grpc-status` of a head or trailers; `undefined` where there is none, or one that is no number. */
function statusIn(lines: HeaderList = []): number | undefined {
  const text = new HeaderMap(lines).get('grpc-status')?.trim();
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Lines of the response to a gRPC call, as the client was sent them: the trailers have its status, or the head where nothing follows it. */
export class GrpcLines {
  head: HeaderList | undefined;
  trailers: HeaderList | undefined;

  /** Status of the call; `undefined` where none was sent. */
  get status(): number | undefined {
    return statusIn(this.trailers) ?? statusIn(this.head);
  }
}
