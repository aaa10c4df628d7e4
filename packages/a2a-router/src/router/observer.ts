import {
  type Clock,
  type Logger,
  type MetricsRecorder,
  toAgentwireError,
  type Tracer,
  type TraceSpan,
} from '@agentwire/core';
import { type MetricLabels, readTraceparent } from '@agentwire/core/internal';
import { readFailure } from '../message/reply.ts';
import type { ReceivedMessage } from '../message/received-message.ts';
import type { KernelMessage } from '../message/message.ts';
import type { RequestHooks } from './pending-request.ts';
import type { SendReport } from './send-report.ts';
import { destinationOf, messageAttributes } from './span-attributes.ts';

type Outcome = SendReport | Promise<SendReport>;

const NO_LABELS: MetricLabels = Object.freeze({});

/** Parts of an {@link Observer}. */
export interface ObserverDeps {
  readonly metrics: MetricsRecorder | undefined;
  readonly tracer: Tracer | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Measures and traces what a router does; what a recorder or tracer throws is logged and changes nothing. */
export class Observer {
  readonly #deps: ObserverDeps;

  constructor(deps: ObserverDeps) {
    this.#deps = deps;
  }

  /** Sends a message within a producer span, which the message then names, and counts what became of it. */
  send(message: KernelMessage, mayName: boolean, send: () => Outcome): Outcome {
    const { metrics, tracer } = this.#deps;
    const target = message.target.kind;
    if (metrics !== undefined) this.#guard(() => metrics.count('a2a_sends_total', { target }));
    const span = tracer === undefined || message.fromNode !== undefined ? undefined : this.#produce(tracer, message);
    if (span !== undefined && mayName) name(message, span);
    const sent = (report: SendReport): SendReport => {
      this.#count(target, report);
      this.#end(span);
      return report;
    };
    const failed = (error: unknown): never => {
      const { code } = toAgentwireError(error, 'ERR_HANDLER');
      if (metrics !== undefined) this.#guard(() => metrics.count('a2a_rejections_total', { code }));
      this.#end(span, code);
      throw error;
    };
    let outcome: Outcome;
    try {
      outcome = this.#run(span, send);
    } catch (error) {
      return failed(error);
    }
    return outcome instanceof Promise ? outcome.then(sent, failed) : sent(outcome);
  }

  /**
   * Runs a handler within a consumer span, which the message then names, so that what is sent for it comes under it.
   *
   * A message for several recipients is linked and not continued: each of them begins a trace of its own.
   */
  async handle(message: ReceivedMessage, handler: () => Promise<unknown>): Promise<unknown> {
    const { tracer } = this.#deps;
    if (tracer === undefined) return handler();
    const span = this.#consume(tracer, message);
    if (span !== undefined) name(message, span);
    try {
      const answer = await this.#run(span, handler);
      this.#end(span);
      return answer;
    } catch (error) {
      this.#end(span, toAgentwireError(error, 'ERR_HANDLER').code);
      throw error;
    }
  }

  /** Measures how long a request takes until its last answer or its failure. */
  timed(hooks: RequestHooks): RequestHooks {
    const { metrics, clock } = this.#deps;
    if (metrics === undefined) return hooks;
    const started = clock.now();
    const over = (outcome: string): void =>
      this.#guard(() => metrics.observe('a2a_request_duration_seconds', { outcome }, (clock.now() - started) / 1000));
    return {
      onReply: (reply) => {
        const done = hooks.onReply(reply);
        if (done) over(reply.streamed === 'error' ? readFailure(reply).code : 'ok');
        return done;
      },
      onEnd: (error) => {
        over(error.code);
        hooks.onEnd(error);
      },
    };
  }

  /** Measures how many messages wait in an inbox that has just taken one. */
  queued(depth: number): void {
    const { metrics } = this.#deps;
    if (metrics !== undefined) this.#guard(() => metrics.observe('a2a_queue_depth', NO_LABELS, depth));
  }

  #count(target: string, { delivered, remote, rejected }: SendReport): void {
    const { metrics } = this.#deps;
    if (metrics === undefined) return;
    this.#guard(() => {
      if (delivered + remote > 0) metrics.count('a2a_deliveries_total', { target }, delivered + remote);
      for (const { code } of rejected) metrics.count('a2a_rejections_total', { code });
    });
  }

  #produce(tracer: Tracer, message: KernelMessage): TraceSpan | undefined {
    return this.#guard(() =>
      tracer.startSpan(`send ${destinationOf(message.target)}`, {
        kind: 'producer',
        parent: message.traceparent,
        attributes: messageAttributes(message, 'send'),
      }),
    );
  }

  #consume(tracer: Tracer, message: ReceivedMessage): TraceSpan | undefined {
    const { traceparent, target } = message;
    const { kind } = target.kind === 'remoteNode' ? target.target : target;
    const isFanOut = kind === 'topic' || kind === 'broadcast';
    return this.#guard(() =>
      tracer.startSpan(`process ${destinationOf(target)}`, {
        kind: 'consumer',
        ...(traceparent !== undefined && (isFanOut ? { links: [traceparent] } : { parent: traceparent })),
        attributes: messageAttributes(message, 'process'),
      }),
    );
  }

  /** Runs the action once, whatever a tracer does: one that fails, or runs it later, is not waited for. */
  #run<T>(span: TraceSpan | undefined, action: () => T): T {
    if (span === undefined) return action();
    const once = new Once(action);
    this.#guard(() => span.run(() => once.run()));
    return once.outcome();
  }

  #end(span: TraceSpan | undefined, code?: string): void {
    if (span !== undefined) this.#guard(() => span.end(code));
  }

  #guard<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      this.#deps.logger.error(
        { error: error instanceof Error ? error.message : String(error) },
        'a metrics recorder or a tracer failed',
      );
      return undefined;
    }
  }
}

/** An action that a tracer is to run, and that runs once even if it does not. */
class Once<T> {
  readonly #action: () => T;
  #done: { readonly result: T } | { readonly error: unknown } | undefined;

  constructor(action: () => T) {
    this.#action = action;
  }

  run(): void {
    if (this.#done !== undefined) return;
    try {
      this.#done = { result: this.#action() };
    } catch (error) {
      this.#done = { error };
    }
  }

  outcome(): T {
    this.run();
    const done = this.#done;
    if (done === undefined || 'error' in done) throw done?.error;
    return done.result;
  }
}

/** Names a message after a span, if the span's `traceparent` is one. */
function name(message: KernelMessage, span: TraceSpan): void {
  const traceparent = readTraceparent(span.traceparent);
  if (traceparent !== undefined) (message as { traceparent: string | undefined }).traceparent = traceparent;
}
