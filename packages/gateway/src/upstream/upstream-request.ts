import type { HeaderList } from '@agentwire/core';

/** A body for the upstream: `replayable` where a second iterator begins anew. */
export interface BodyStream extends AsyncIterable<Uint8Array> {
  readonly replayable?: boolean;
}

/** What is sent to the upstream. */
export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | BodyStream | null;
  /** The client's address, for shares of the connections. */
  readonly client: string | undefined;
}

/** What comes back: callbacks in order, the last one of `onEnd` and `onError` once. */
export interface UpstreamResponse {
  /** @returns whether the body may flow; else nothing comes before `resume` of the control */
  onHead(status: number, headers: HeaderList, control: UpstreamControl): boolean;
  /** @returns whether more may come at once; else nothing comes before `resume` of the control */
  onData(chunk: Uint8Array): boolean;
  onEnd(): void;
  onError(error: Error): void;
  /** Time of the clock since which the client has taken nothing of what waits for it, or has sent next to nothing. */
  readonly stalledSince: number | undefined;
  /** Ends it because its client is the slowest one while others wait for a connection. */
  evict(): void;
}

/** Lets a response that was stopped go on, or ends it. */
export interface UpstreamControl {
  resume(): void;
  abort(error: Error): void;
  /** Whether more of the body, or its end, is here already. */
  readonly hasMore: boolean;
}
