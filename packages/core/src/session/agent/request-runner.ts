import type { Connection, EncodedMessage } from '../../contract/connection.ts';
import { AgentwireError, toAgentwireError } from '../../errors.ts';
import { IdleWaiters } from '../../idle-waiters.ts';
import type { Decision } from '../../message/decision.ts';
import type { RequestId } from '../../message/events.ts';
import type { AgentRequestCore, QueuedEvent } from './agent-request.ts';
import type { SessionHandler } from './agent-session.ts';
import type { AnswerSender } from './answer-sender.ts';
import type { EventQueues } from './event-queues.ts';
import type { KnownRequests } from './known-requests.ts';

/** Dependencies of a {@link RequestRunner}. */
interface RequestRunnerDeps {
  readonly connection: Connection;
  readonly handler: SessionHandler;
  readonly requests: KnownRequests;
  readonly queues: EventQueues;
  readonly answers: AnswerSender;
  readonly maxInFlight: number;
}

/** Runs the handler for the events of each request, one after the other, and answers in their order. */
export class RequestRunner {
  /** Requests with a running handler. */
  inFlight = 0;
  readonly #connection: Connection;
  readonly #handler: SessionHandler;
  readonly #requests: KnownRequests;
  readonly #queues: EventQueues;
  readonly #answers: AnswerSender;
  readonly #maxInFlight: number;
  #idle: IdleWaiters | undefined;

  constructor({ connection, handler, requests, queues, answers, maxInFlight }: RequestRunnerDeps) {
    this.#connection = connection;
    this.#handler = handler;
    this.#requests = requests;
    this.#queues = queues;
    this.#answers = answers;
    this.#maxInFlight = maxInFlight;
  }

  // 1. An event comes: it runs at once, or waits behind the running event of its request.

  /** Runs or queues an event, or an undecodable one in its place. */
  onEvent(event: QueuedEvent, id: RequestId, encoded?: EncodedMessage): void {
    let request = this.#requests.get(id);
    if (request === undefined) request = this.#requests.create(id);
    else if (event.type === 'requestHeaders' && request.unanswered === 0) request = this.#requests.begin(id);
    if (!request.running) return this.#run(request, event, encoded);
    this.#queues.add(request, event);
    if (event.type !== 'malformed') this.#handler.onQueued?.(event, request);
  }

  // 2. The handler decides, at once or later. Whatever goes wrong is a failure answer, never an allow.

  #run(request: AgentRequestCore, event: QueuedEvent, encoded?: EncodedMessage): void {
    let outcome: Decision | Promise<Decision | undefined>;
    if (event.type === 'malformed') outcome = this.#answers.undecodable(event.error);
    else if (this.inFlight >= this.#maxInFlight) outcome = this.#answers.failure(this.#overloaded());
    else {
      try {
        outcome = this.#handler.onEvent(event, request, encoded);
      } catch (error) {
        outcome = this.#answers.failure(error);
      }
    }
    if (!(outcome instanceof Promise)) return this.#answer(request, event, outcome);
    this.#requests.register(request);
    request.running = true;
    this.inFlight += 1;
    outcome.then(
      (decision) => this.#finish(request, event, decision),
      (error: unknown) => this.#finish(request, event, request.cancelled ? undefined : this.#answers.failure(error)),
    );
    return undefined;
  }

  #overloaded(): AgentwireError {
    return new AgentwireError('ERR_OVERLOADED', `the handlers of ${this.#maxInFlight} requests run, the limit`);
  }

  /** Answers for a handler that decided later, then runs the next events of its request. */
  #finish(request: AgentRequestCore, event: QueuedEvent, decision: Decision | undefined): void {
    request.running = false;
    this.inFlight -= 1;
    try {
      if (decision !== undefined) this.#answer(request, event, decision);
      else if (!request.cancelled && !request.retain && request.unanswered === 0) this.#requests.end(request);
      if (request.queue !== undefined) this.#runQueued(request);
    } catch (error) {
      // this runs in a microtask: a throw would end the process
      this.#connection.abort(toAgentwireError(error, 'ERR_HANDLER'));
    }
    if (this.inFlight === 0) this.#idle?.notify();
  }

  // 3. The answer is sent, and the request ends unless later events are expected.

  #answer(request: AgentRequestCore, event: QueuedEvent, decision: Decision): void {
    if (event.type === 'requestComplete') return this.#complete(request, decision);
    if (request.cancelled) return;
    if (this.#connection.status === 'closed') return this.#requests.register(request);
    this.#answers.send(request.id, decision);
    if (request.queue !== undefined && request.queue.length > 0) return;
    if (request.retain || decision.needsMore === true) this.#requests.touch(request);
    else this.#requests.end(request);
  }

  /** Ends a completed request; a client of the zentinel dialect expects an answer to this event too. */
  #complete(request: AgentRequestCore, decision: Decision): void {
    if (this.#connection.peer.dialect === 'zentinel' && !request.cancelled)
      // nothing comes after this event
      this.#answers.send(request.id, decision.needsMore === true ? { ...decision, needsMore: false } : decision);
    this.#requests.end(request);
  }

  // 4. The queued events run.

  #runQueued(from: AgentRequestCore): void {
    let request = from;
    while (!request.running) {
      const event = this.#queues.take(request);
      if (event === undefined) return;
      if (event.type === 'requestHeaders') request = this.#replace(request);
      this.#run(request, event);
    }
  }

  /** Begins a fresh request for a second head with a live id; the rest of the queue belongs to it. */
  #replace(before: AgentRequestCore): AgentRequestCore {
    const { queue } = before;
    before.queue = undefined;
    const request = this.#requests.begin(before.id);
    request.queue = queue;
    return request;
  }

  /** Resolves when no handler runs. */
  whenIdle(): Promise<void> {
    return this.inFlight === 0 ? Promise.resolve() : (this.#idle ??= new IdleWaiters()).wait();
  }
}
