import type { Connection, EncodedMessage } from '../contract/connection.ts';
import { AgentwireError, toAgentwireError } from '../errors.ts';
import { ALLOW, type Decision } from '../message/decision.ts';
import { isAnswered, type RequestId } from '../message/events.ts';
import type { AgentRequestCore, QueuedEvent } from './agent-request.ts';
import type { SessionHandler } from './agent-session.ts';
import type { AnswerSender } from './answer-sender.ts';
import type { EventQueues } from './event-queues.ts';
import { IdleWaiters } from '../idle-waiters.ts';
import type { KnownRequests } from './known-requests.ts';

/** What a {@link RequestRunner} works with. */
interface RequestRunnerParts {
  readonly connection: Connection;
  readonly handler: SessionHandler;
  readonly requests: KnownRequests;
  readonly queues: EventQueues;
  readonly answers: AnswerSender;
  readonly maxInFlight: number;
}

/** Hands the events of each request to the handler, one after the other, and answers in their order. */
export class RequestRunner {
  /** Requests that are being worked on. */
  inFlight = 0;
  readonly #connection: Connection;
  readonly #handler: SessionHandler;
  readonly #requests: KnownRequests;
  readonly #queues: EventQueues;
  readonly #answers: AnswerSender;
  readonly #maxInFlight: number;
  readonly #idle: IdleWaiters = new IdleWaiters();

  constructor({ connection, handler, requests, queues, answers, maxInFlight }: RequestRunnerParts) {
    this.#connection = connection;
    this.#handler = handler;
    this.#requests = requests;
    this.#queues = queues;
    this.#answers = answers;
    this.#maxInFlight = maxInFlight;
  }

  /** An event, or the place of one, came. */
  onEvent(event: QueuedEvent, id: RequestId, encoded?: EncodedMessage): void {
    let request = this.#requests.get(id);
    if (request === undefined) request = this.#requests.meet(id);
    else if (event.type === 'requestHeaders' && request.unanswered === 0) request = this.#requests.begin(id);
    if (!request.running) return this.#run(request, event, encoded);
    this.#queues.add(request, event);
    if (event.type !== 'malformed') this.#handler.onQueued?.(event, request);
  }

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
    if (!(outcome instanceof Promise)) {
      this.#answer(request, event, outcome);
      return;
    }
    this.#requests.list(request);
    request.running = true;
    this.inFlight += 1;
    outcome.then(
      (decision) => this.#finish(request, event, decision),
      (error: unknown) => this.#finish(request, event, request.cancelled ? undefined : this.#answers.failure(error)),
    );
  }

  #overloaded(): AgentwireError {
    return new AgentwireError('ERR_OVERLOADED', `${this.#maxInFlight} requests are being worked on`);
  }

  /** An async handler is done: answers, then takes the request's next events. */
  #finish(request: AgentRequestCore, event: QueuedEvent, decision: Decision | undefined): void {
    request.running = false;
    this.inFlight -= 1;
    try {
      if (decision !== undefined) this.#answer(request, event, decision);
      else if (!request.cancelled && !request.retain && request.unanswered === 0) this.#requests.end(request);
      if (request.queue !== undefined) this.#takeNext(request);
    } catch (error) {
      // nobody above this call could catch it
      this.#connection.abort(toAgentwireError(error, 'ERR_HANDLER'));
    }
    if (this.inFlight === 0) this.#idle.notify();
  }

  #takeNext(from: AgentRequestCore): void {
    let request = from;
    while (!request.running) {
      const event = this.#queues.take(request);
      if (event === undefined) return;
      if (event.type === 'requestHeaders') request = this.#succeed(request);
      this.#run(request, event);
    }
  }

  /** A second head with a live id begins a fresh request; what waits behind it is its own. */
  #succeed(before: AgentRequestCore): AgentRequestCore {
    const queue = before.queue;
    before.queue = undefined;
    const request = this.#requests.begin(before.id);
    request.queue = queue;
    return request;
  }

  #answer(request: AgentRequestCore, event: QueuedEvent, decision: Decision): void {
    if (event.type === 'requestComplete') return this.#complete(request);
    if (request.cancelled) return;
    if (this.#connection.status === 'closed') return this.#requests.list(request);
    if (event.type === 'malformed' || isAnswered(event.type)) this.#answers.send(request.id, decision);
    if (request.queue !== undefined && request.queue.length > 0) return;
    if (request.retain) this.#requests.touch(request);
    else if (decision.needsMore !== true) this.#requests.end(request);
    else this.#requests.touch(request);
  }

  /** A client of the zentinel dialect waits for an answer to this event as to every other. */
  #complete(request: AgentRequestCore): void {
    if (this.#connection.peer.dialect === 'zentinel' && !request.cancelled) this.#answers.send(request.id, ALLOW);
    this.#requests.end(request);
  }

  /** Resolves when no request is being worked on. */
  whenIdle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return this.#idle.wait();
  }
}
