import { Http2ServerRequest, Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Gate } from './process-stream.ts';
import type { ServerSession } from './server-session.ts';

/** Everything of the service that is not ProcessStream. */
export interface Calls {
  /** Takes a stream in. */
  serve(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    from: ServerSession,
  ): void;
  /** Ends what is under way. */
  close(): void;
}

/** Placeholder */
export function createCalls(_gate: Gate): Calls {
  void Http2ServerRequest;
  void Http2ServerResponse;
  return { serve: (stream) => stream.respond({ ':status': 404 }, { endStream: true }), close: () => undefined };
}
