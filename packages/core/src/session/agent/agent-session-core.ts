import type { CloseReason, Connection, ConnectionHandler, EncodedMessage } from '../../contract/connection.ts';
import { isAgentwire } from '../../contract/peer.ts';
import { AgentwireError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Message, MessageType, Received } from '../../message/message.ts';
import { countRepeats } from '../../repeated-lines.ts';
import { Keepalive, PingSender, pongOf } from '../keepalive.ts';
import { MAX_UNDECODABLE, undecodable } from '../undecodable.ts';
import { AgentDrain } from './agent-drain.ts';
import {
  type AgentSession,
  type AgentSessionOptions,
  resolveAgentSessionOptions,
  type SessionHandler,
} from './agent-session.ts';
import { AnswerSender } from './answer-sender.ts';
import { EventQueues } from './event-queues.ts';
import { KnownRequests } from './known-requests.ts';
import { RequestRunner } from './request-runner.ts';
import { UnreadAnswers } from './unread-answers.ts';

const REPORTS: ReadonlySet<MessageType> = new Set<MessageType>(['healthStatus', 'metricsReport', 'log']);

/** Implementation of {@link AgentSession}, and the handler of its connection. */
export class AgentSessionCore implements AgentSession, ConnectionHandler {
  readonly connection: Connection;
  readonly stats = { events: 0, answers: 0, failures: 0, cancelled: 0, malformed: 0 };
  readonly #handler: SessionHandler;
  readonly #logger: Logger;
  readonly #requests: KnownRequests;
  readonly #runner: RequestRunner;
  readonly #drain: AgentDrain;
  readonly #keepalive: Keepalive | undefined;
  readonly #unread: UnreadAnswers;
  /** Undecodable messages since the last event. */
  #undecodable = 0;

  constructor(connection: Connection, handler: SessionHandler, given: AgentSessionOptions) {
    const options = resolveAgentSessionOptions(given);
    const { clock, maxInFlight, keepalive } = options;
    const logger = countRepeats(options.logger, clock);
    const { stats } = this;
    const queues = new EventQueues(connection, options.maxQueuedPerRequest);
    const unread = new UnreadAnswers(connection, clock);
    const answers = new AnswerSender({ connection, logger, stats, unread });
    const requests = new KnownRequests({ connection, clock, logger, handler, options, queues, stats });
    const pings = new PingSender(clock, (ping) => this.notify(ping));
    this.connection = connection;
    this.#handler = handler;
    this.#logger = logger;
    this.#unread = unread;
    this.#requests = requests;
    this.#runner = new RequestRunner({ connection, handler, requests, queues, answers, maxInFlight });
    const timeoutMs = options.drainTimeoutMs;
    const cancelRest = (): void => requests.cancelRest();
    this.#drain = new AgentDrain({ session: this, clock, logger, pings, timeoutMs, cancelRest });
    if (keepalive !== false && connection.peer.dialect !== 'zentinel') {
      const readingStopped = (): boolean => unread.stalled;
      this.#keepalive = new Keepalive({ connection, clock, pings, readingStopped }, keepalive);
    }
  }

  get inFlight(): number {
    return this.#runner.inFlight;
  }

  onMessage(message: Received, encoded?: EncodedMessage): void {
    switch (message.type) {
      case 'requestHeaders':
      case 'requestBodyChunk':
      case 'responseHeaders':
      case 'responseBodyChunk':
      case 'requestComplete':
      case 'webSocketFrame':
      case 'guardrailInspect':
      case 'configure':
        // this side has closed: an answer could not be sent
        if (this.connection.status !== 'open') return;
        this.stats.events += 1;
        this.#undecodable = 0;
        return this.#runner.onEvent(message, message.id, encoded);
      case 'malformed':
        return this.#onMalformed(message);
      case 'cancel':
        return this.#requests.cancel(message.id, message.reason);
      case 'cancelAll':
        return this.#requests.cancelAll();
      case 'ping':
        this.notify(pongOf(message));
        return;
      case 'pong':
        return this.#drain.onPong(message.sequence);
      case 'drain':
      case 'shutdown':
      case 'configUpdateResponse':
        return this.#handler.onNotice?.(message, this);
      default:
        throw new AgentwireError('ERR_PROTOCOL', `a proxy may not send ${message.type}`);
    }
  }

  #onMalformed(message: Extract<Received, { type: 'malformed' }>): void {
    this.stats.malformed += 1;
    this.#undecodable += 1;
    if (this.#undecodable > MAX_UNDECODABLE) throw undecodable(this.connection);
    this.#logger.warn(
      { connection: this.connection.id, of: message.of, code: message.error.code },
      'undecodable message from a proxy',
    );
    if (message.id === undefined || message.of === 'cancel' || message.of === 'requestComplete') return;
    this.#runner.onEvent(message, message.id);
  }

  notify(message: Message): boolean {
    if (this.connection.status !== 'open' || !this.connection.peer.accepts.has(message.type)) return false;
    // the next report replaces this one, so it need not wait for a proxy that reads nothing
    if (this.#unread.stalled && REPORTS.has(message.type)) return false;
    if (!this.connection.send(message)) this.#unread.stall();
    return true;
  }

  whenIdle(): Promise<void> {
    return this.#runner.whenIdle();
  }

  drain(options?: { readonly timeoutMs?: number }): Promise<void> {
    return this.#drain.run(options);
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  onDrain(): void {
    this.#unread.onDrain();
  }

  /** Answers what is pending and closes. A proxy of agentwire closes only when it wants no more answers. */
  onPeerEnd(): void {
    this.#keepalive?.stop();
    if (this.inFlight === 0 || isAgentwire(this.connection.peer)) {
      void this.close();
      return;
    }
    void this.#drain.afterPeerEnd();
  }

  onClose(reason: CloseReason): void {
    this.#unread.stop();
    this.#drain.onClose();
    this.#keepalive?.stop();
    this.#requests.close();
    this.#handler.onClose?.(reason, this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
