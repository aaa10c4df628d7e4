import { ALLOW, type Clock, type Connection, type Logger, type Peer, type RequestId } from '@agentwire/core';
import type { AgentRequest } from '@agentwire/core/session';
import type { MessageHost, RequestMessage, ResponseMessage } from '../body/message.ts';
import { Turns, type TurnsHost } from '../body/turns.ts';
import type { HandlerContext } from '../handler/context.ts';
import { isReleasedProxy } from './released-proxy.ts';

/** What the events of one request have in common, kept while more of them may come. */
export class RequestScope {
  request: RequestMessage | undefined = undefined;
  response: ResponseMessage | undefined = undefined;
  state: unknown = undefined;
  readonly id: RequestId;
  /** The connection that the request's head came on. */
  readonly connection: Connection;
  /** The run whose event is unanswered or whose handler still reads; told when another connection goes on with the request. */
  turns: Turns | undefined = undefined;
  /** Whether the request was refused at its head, so that nothing of it follows. */
  refused = false;
  /** Whether an event has ended it; its proxy may still say so itself. */
  over = false;
  /** Whether later events find it. */
  kept = false;
  /** When this was put into the archive, by the host's clock; `undefined` while it is not there. */
  archivedAt: number | undefined = undefined;
  /** What it counts for in the bound of what is kept, in bytes; 0 while it does not. */
  keptBytes = 0;

  constructor(id: RequestId, connection: Connection) {
    this.id = id;
    this.connection = connection;
  }

  /** Estimated memory of its heads in bytes. */
  get weight(): number {
    return (this.request?.weight ?? 0) + (this.response?.weight ?? 0);
  }

  /** Whether its head is all that there is to it. */
  get isBare(): boolean {
    return this.turns === undefined && this.state === undefined && this.request?.reader === undefined;
  }
}

/** What contexts need of their runtime. */
export interface ContextHost extends TurnsHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlerTimeoutMs: number;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  /** A scope that is in the archive holds something now that is not kept there. */
  pin(scope: RequestScope): void;
}

/** The context of one event: everything in it is made when it is asked for. */
export class EventContext implements HandlerContext, MessageHost {
  request: RequestMessage | undefined;
  /** Whether the handler has decided at once. */
  decided = false;
  readonly ambiguous: boolean;
  readonly scope: RequestScope | undefined;
  readonly #host: ContextHost;
  readonly agentRequest: AgentRequest;
  #turns: Turns | undefined;
  #state: unknown;

  constructor(host: ContextHost, agentRequest: AgentRequest, scope: RequestScope | undefined, ambiguous: boolean) {
    this.#host = host;
    this.agentRequest = agentRequest;
    this.scope = scope;
    this.request = scope?.request;
    this.ambiguous = ambiguous;
  }

  get turns(): Turns {
    if (this.#turns === undefined) {
      this.#turns = new Turns(this.#host, this.agentRequest);
      if (this.decided) this.#turns.settle(ALLOW, true);
      else if (this.scope !== undefined) this.scope.turns = this.#turns;
    }
    return this.#turns;
  }

  /** The run, if anything asked for one. */
  get begun(): Turns | undefined {
    return this.#turns;
  }

  get signal(): AbortSignal {
    return this.turns.signal;
  }

  get deadline(): number {
    const { clock, handlerTimeoutMs } = this.#host;
    const at = this.#turns?.deadlineAt ?? 0;
    return Math.round(clock.wallNow() + (at === 0 ? handlerTimeoutMs : at - clock.now()));
  }

  get requestId(): string {
    const metadata = this.request?.metadata;
    return metadata?.requestId || metadata?.correlationId || String(this.agentRequest.id);
  }

  get traceparent(): string | undefined {
    return this.request?.metadata.traceparent;
  }

  get logger(): Logger {
    return this.#host.logger;
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get peer(): Peer {
    return this.agentRequest.connection.peer;
  }

  get waitsForBody(): boolean {
    return !isReleasedProxy(this.peer);
  }

  get requestBody(): boolean {
    return this.#host.requestBody;
  }

  get responseBody(): boolean {
    return this.#host.responseBody;
  }

  get response(): ResponseMessage | undefined {
    return this.scope?.response;
  }

  get state(): unknown {
    return this.scope === undefined ? this.#state : this.scope.state;
  }

  set state(value: unknown) {
    if (this.scope === undefined) this.#state = value;
    else {
      this.scope.state = value;
      if (this.scope.archivedAt !== undefined) this.#host.pin(this.scope);
    }
  }
}
