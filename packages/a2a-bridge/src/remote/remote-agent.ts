import { randomUUID } from 'node:crypto';
import { type AgentCard, Role, type SendMessageRequest } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';
import type { A2AEndpoint, Payload, Pid, ReceivedMessage } from '@agentwire/a2a-router';
import { AgentwireError } from '@agentwire/core';
import { payloadPart } from '../run/parts.ts';
import { joined, RemoteAnswer, type RemoteTask } from './remote-answer.ts';
import { failure } from './remote-failure.ts';
import type { ResolvedRemoteOptions } from './remote-options.ts';

/** Parts of the SDK's client that answer a message. */
interface RemoteParts {
  readonly client: Client;
  readonly card: AgentCard;
  readonly endpoint: A2AEndpoint;
  readonly options: ResolvedRemoteOptions;
  /** Ends the process of the agent, if it was made for it. */
  readonly exit: () => void;
}

/** A remote A2A agent as a service of a router. */
export class RemoteAgent {
  /** Agent card of the remote agent. */
  readonly card: AgentCard;
  /** Process that owns the service. */
  readonly pid: Pid;
  readonly #client: Client;
  readonly #endpoint: A2AEndpoint;
  readonly #options: ResolvedRemoteOptions;
  readonly #questions = new Map<string, RemoteTask>();
  readonly #stop = new AbortController();
  readonly #served: Promise<void>;
  readonly #exit: () => void;

  /** @internal Made by `provideRemoteAgent`. */
  constructor({ client, card, endpoint, options, exit }: RemoteParts) {
    this.card = card;
    this.pid = endpoint.pid;
    this.#client = client;
    this.#endpoint = endpoint;
    this.#options = options;
    this.#exit = exit;
    endpoint.provide(options.service);
    this.#served = endpoint.serve((message) => this.#answer(message), {
      concurrency: options.concurrency,
      signal: this.#stop.signal,
    });
  }

  /** Withdraws the service, aborts what is being asked and waits for its end; idempotent. */
  async close(): Promise<void> {
    this.#endpoint.withdraw(this.#options.service);
    this.#stop.abort();
    await this.#served;
    this.#exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(message: ReceivedMessage): Promise<Payload | undefined> {
    const { clock, timeoutMs } = this.#options;
    const late = new AbortController();
    const left = message.deadline === undefined ? timeoutMs : message.deadline - clock.wallNow();
    const timer = clock.setTimeout(() => late.abort(), Math.max(0, Math.min(timeoutMs, left)));
    const signal = AbortSignal.any([message.signal, this.#stop.signal, late.signal]);
    const answer = new RemoteAnswer();
    try {
      return await this.#ask(message, answer, signal);
    } catch (error) {
      if (signal.aborted) this.#cancel(answer);
      if (late.signal.aborted) throw new AgentwireError('ERR_TIMEOUT', 'the remote agent did not answer in time');
      if (this.#stop.signal.aborted) throw new AgentwireError('ERR_CLOSED', 'the remote agent was closed');
      throw failure(error);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  async #ask(message: ReceivedMessage, answer: RemoteAnswer, signal: AbortSignal): Promise<Payload | undefined> {
    const request = this.#request(message, answer);
    // also a sender that wants one answer is asked for by stream where there is one: only so the task is known before its end, and can be canceled.
    const asking = this.#whileWanted(answer, signal);
    const kept: Payload[] = [];
    for await (const event of this.#client.sendMessageStream(request, { signal: asking })) {
      const parts = answer.take(event);
      signal.throwIfAborted();
      if (message.expects !== 'stream') kept.push(...parts.filter(({ kind }) => kind !== 'signal'));
      else for (const part of parts) await message.reply.write(part);
      if (answer.over) break;
    }
    signal.throwIfAborted();
    answer.check();
    const { question } = answer;
    if (question !== undefined) this.#remember(message, answer);
    if (message.expects !== 'stream') return question ?? joined(kept);
    if (question !== undefined) await message.reply.write(question);
    await message.reply.end();
    return undefined;
  }

  /** Signal for the connection: what was given up before its task is known is listened to a little longer, so that it can be canceled. */
  #whileWanted(answer: RemoteAnswer, signal: AbortSignal): AbortSignal {
    const { clock, controlTimeoutMs } = this.#options;
    const connection = new AbortController();
    const giveUp = (): void => {
      if (answer.task === undefined) clock.setTimeout(() => connection.abort(), controlTimeoutMs);
      else connection.abort();
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    return connection.signal;
  }

  #request(message: ReceivedMessage, answer: RemoteAnswer): SendMessageRequest {
    const asked = this.#questions.get(message.traceId ?? '');
    this.#questions.delete(message.traceId ?? '');
    answer.task = asked;
    const { target, payload: content } = message;
    const skill = target.kind === 'serviceMethod' ? target.method : undefined;
    return {
      tenant: '',
      message: {
        messageId: randomUUID(),
        role: Role.ROLE_USER,
        parts: [payloadPart(content)],
        taskId: asked?.taskId ?? '',
        contextId: asked?.contextId ?? '',
        metadata: skill === undefined ? undefined : { skill },
        extensions: [],
        referenceTaskIds: [],
      },
      configuration: undefined,
      metadata: undefined,
    };
  }

  #remember({ traceId }: ReceivedMessage, { task }: RemoteAnswer): void {
    if (traceId === undefined || task === undefined) return;
    this.#questions.set(traceId, task);
    if (this.#questions.size > this.#options.maxQuestions)
      for (const oldest of this.#questions.keys().take(1)) this.#questions.delete(oldest);
  }

  /** Cancels at the remote agent too; that it could not be told changes nothing for the one who has left. */
  #cancel({ task, over }: RemoteAnswer): void {
    if (task === undefined || over) return;
    const { clock, controlTimeoutMs, logger } = this.#options;
    const late = new AbortController();
    const timer = clock.setTimeout(() => late.abort(), controlTimeoutMs);
    this.#client
      .cancelTask({ tenant: '', id: task.taskId, metadata: undefined }, { signal: late.signal })
      .catch((error: unknown) => logger.warn({ code: failure(error).code }, 'a remote task could not be canceled'))
      .finally(() => clock.clearTimeout(timer));
  }
}
