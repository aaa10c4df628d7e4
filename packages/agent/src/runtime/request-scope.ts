import type { Connection, RequestId } from '@agentwire/core';
import type { RequestMessage, ResponseMessage } from '../body/http-messages.ts';
import type { HandlerRun } from '../run/handler-run.ts';

/** State that the events of one request share, kept while more of them may arrive. */
export class RequestScope {
  request: RequestMessage | undefined = undefined;
  response: ResponseMessage | undefined = undefined;
  state: unknown = undefined;
  readonly id: RequestId;
  /** The connection that delivered the request's head. */
  readonly connection: Connection;
  /** The run whose event is unanswered or whose handler still reads; overtaken when another connection continues the request. */
  run: HandlerRun | undefined = undefined;
  /** `true` if the request was refused at its head, so that no event follows. */
  refused = false;
  /** `true` if an event has ended it; its proxy may still report the end itself. */
  over = false;
  /** `true` if later events find it. */
  stored = false;
  /** Time at which it was put into the compact cache, by the host's clock; `undefined` while it is not there. */
  cachedAt: number | undefined = undefined;
  /** Bytes that it is charged with in the bound of stored objects; 0 while it is not one. */
  chargedBytes = 0;

  constructor(id: RequestId, connection: Connection) {
    this.id = id;
    this.connection = connection;
  }

  /** Estimated memory of its heads, in bytes. */
  get weightBytes(): number {
    return (this.request?.weightBytes ?? 0) + (this.response?.weightBytes ?? 0);
  }

  /** `true` if it consists of its head alone, so that the head's bytes are enough to rebuild it. */
  get isHeadOnly(): boolean {
    return this.run === undefined && this.state === undefined && this.request?.reader === undefined;
  }
}
