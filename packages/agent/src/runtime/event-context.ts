import { ALLOW, type Clock, type Logger, type Peer } from '@agentwire/core';
import { isReleasedProxy, type SafeSpan } from '@agentwire/core/internal';
import type { AgentRequest } from '@agentwire/core/session';
import type { RequestMessage, ResponseMessage } from '../body/http-messages.ts';
import type { MessageHost } from '../body/message.ts';
import type { BodyChange } from '../change/body-change.ts';
import type { PathOptions } from '../define/path-options.ts';
import type { HandlerContext, LogFields } from '../handler/agent-handlers.ts';
import { HandlerRun, type RunHost } from '../run/handler-run.ts';
import type { RequestScope } from './request-scope.ts';

/** Services of the runtime that contexts use. */
export interface ContextHost extends RunHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlerTimeoutMs: number;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  readonly freeChunks: boolean;
  readonly paths: PathOptions;
  /** Sends a log line to the proxy of a request. */
  log(from: EventContext, level: keyof Logger, message: string, fields: LogFields): boolean;
  /** Reports that a scope in the compact cache holds something that its bytes do not. */
  pin(scope: RequestScope): void;
}

/** Context of one event; its parts are created on first use. */
export class EventContext implements HandlerContext, MessageHost {
  request: RequestMessage | undefined;
  /** `true` if the handler has decided synchronously. */
  decided = false;
  /** Change of the body that the handler's decision carries. */
  bodyChange: BodyChange | undefined = undefined;
  readonly ambiguous: boolean;
  readonly scope: RequestScope | undefined;
  readonly #host: ContextHost;
  readonly agentRequest: AgentRequest;
  /** The handler's own span, where handlers are traced. */
  span: SafeSpan | undefined;
  #run: HandlerRun | undefined;
  #state: unknown;

  constructor(host: ContextHost, agentRequest: AgentRequest, scope: RequestScope | undefined, ambiguous: boolean) {
    this.#host = host;
    this.agentRequest = agentRequest;
    this.scope = scope;
    this.request = scope?.request;
    this.ambiguous = ambiguous;
  }

  get run(): HandlerRun {
    if (this.#run === undefined) {
      this.#run = new HandlerRun(this.#host, this.agentRequest);
      if (this.decided) this.#run.settle(ALLOW, true);
      else if (this.scope !== undefined) this.scope.run = this.#run;
    }
    return this.#run;
  }

  createRun(): HandlerRun {
    return new HandlerRun(this.#host, this.agentRequest);
  }

  /** The run, if it has been created. */
  get createdRun(): HandlerRun | undefined {
    return this.#run;
  }

  get signal(): AbortSignal {
    return this.run.signal;
  }

  get deadline(): number {
    const { clock, handlerTimeoutMs } = this.#host;
    const at = this.#run?.deadlineAt ?? 0;
    return Math.round(clock.wallNow() + (at === 0 ? handlerTimeoutMs : at - clock.now()));
  }

  get requestId(): string {
    const metadata = this.request?.metadata;
    return metadata?.requestId || metadata?.correlationId || String(this.agentRequest.id);
  }

  get traceparent(): string | undefined {
    return this.span?.traceparent ?? this.request?.metadata.traceparent;
  }

  get logger(): Logger {
    return this.#host.logger;
  }

  log(level: keyof Logger, message: string, fields: LogFields = {}): boolean {
    return this.#host.log(this, level, message, fields);
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

  get paths(): PathOptions {
    return this.#host.paths;
  }

  get requestBody(): boolean {
    return this.#host.requestBody;
  }

  get responseBody(): boolean {
    return this.#host.responseBody;
  }

  get freeChunks(): boolean {
    return this.#host.freeChunks;
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
      if (this.scope.cachedAt !== undefined) this.#host.pin(this.scope);
    }
  }
}
