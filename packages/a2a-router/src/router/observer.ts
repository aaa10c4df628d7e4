import { type Clock, type Logger, type MetricsRecorder, toAgentwireError, type Tracer } from '@agentwire/core';
import { type MetricLabels, SafeRecorder, type SafeSpan, SafeTracer } from '@agentwire/core/internal';
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
  readonly #clock: Clock;
  readonly #metrics: SafeRecorder | undefined;
  readonly #tracer: SafeTracer | undefined;

  constructor({ clock, logger, metrics, tracer }: ObserverDeps) {
    this.#clock = clock;
    this.#metrics = metrics && new SafeRecorder(metrics, logger);
    this.#tracer = tracer && new SafeTracer(tracer, logger);
  }

  /** Sends a message within a producer span, which the message then names, and counts what became of it. */
  send(message: KernelMessage, mayName: boolean, send: () => Outcome): Outcome {
    const target = message.target.kind;
    this.#metrics?.count('a2a_sends_total', { target });
    const span = message.fromNode === undefined ? this.#produce(message) : undefined;
    if (span !== undefined && mayName) name(message, span);
    const sent = (report: SendReport): SendReport => {
      this.#count(target, report);
      span?.end();
      return report;
    };
    const failed = (error: unknown): never => {
      const { code } = toAgentwireError(error, 'ERR_HANDLER');
      this.#metrics?.count('a2a_rejections_total', { code });
      span?.end(code);
      throw error;
    };
    let outcome: Outcome;
    try {
      outcome = span === undefined ? send() : span.run(send);
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
    const span = this.#consume(message);
    if (span === undefined) return handler();
    name(message, span);
    try {
      const answer = await span.run(handler);
      span.end();
      return answer;
    } catch (error) {
      span.end(toAgentwireError(error, 'ERR_HANDLER').code);
      throw error;
    }
  }

  /** Measures how long a request takes until its last answer or its failure. */
  timed(hooks: RequestHooks): RequestHooks {
    const metrics = this.#metrics;
    if (metrics === undefined) return hooks;
    const clock = this.#clock;
    const started = clock.now();
    const over = (outcome: string): void =>
      metrics.observe('a2a_request_duration_seconds', { outcome }, (clock.now() - started) / 1000);
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
    this.#metrics?.observe('a2a_queue_depth', NO_LABELS, depth);
  }

  #count(target: string, { delivered, remote, rejected }: SendReport): void {
    const metrics = this.#metrics;
    if (metrics === undefined) return;
    if (delivered + remote > 0) metrics.count('a2a_deliveries_total', { target }, delivered + remote);
    for (const { code } of rejected) metrics.count('a2a_rejections_total', { code });
  }

  #produce(message: KernelMessage): SafeSpan | undefined {
    return this.#tracer?.start(`send ${destinationOf(message.target)}`, {
      kind: 'producer',
      parent: message.traceparent,
      attributes: messageAttributes(message, 'send'),
    });
  }

  #consume(message: ReceivedMessage): SafeSpan | undefined {
    if (this.#tracer === undefined) return undefined;
    const { traceparent, target } = message;
    const { kind } = target.kind === 'remoteNode' ? target.target : target;
    const isFanOut = kind === 'topic' || kind === 'broadcast';
    return this.#tracer.start(`process ${destinationOf(target)}`, {
      kind: 'consumer',
      ...(traceparent !== undefined && (isFanOut ? { links: [traceparent] } : { parent: traceparent })),
      attributes: messageAttributes(message, 'process'),
    });
  }
}

/** Names a message after a span, if the span's `traceparent` is one. */
function name(message: KernelMessage, span: SafeSpan): void {
  const { traceparent } = span;
  if (traceparent !== undefined) (message as { traceparent: string | undefined }).traceparent = traceparent;
}
