import { fail, failOn } from '../check.ts';
import type { RawChannel } from '../raw/channel.ts';
import type { RawMessage } from '../raw/receive-queue.ts';
import { type AgentAnswer, hex, type AgentMessage, type Wire } from '../wire/wire.ts';

/** Ids of requests that only test whether the agent still answers. */
let alive = 900_000;

/** Proxy end of one connection to the agent under test. */
export class AgentLink {
  readonly channel: RawChannel;
  readonly wire: Wire;
  readonly timeoutMs: number;

  constructor(channel: RawChannel, wire: Wire, timeoutMs: number) {
    this.channel = channel;
    this.wire = wire;
    this.timeoutMs = timeoutMs;
  }

  send(...messages: readonly RawMessage[]): void {
    this.channel.sendBytes(Buffer.concat(messages.map((message) => this.channel.frame(message))));
  }

  /** Next message of the agent, without reports; `undefined` when it closed the connection. */
  async hear(waitMs: number = this.timeoutMs): Promise<AgentMessage | undefined> {
    for (;;) {
      const next = await this.channel.next(waitMs);
      if (next.kind === 'timeout') fail(`nothing came in ${waitMs} ms`);
      if (next.kind === 'ended') return undefined;
      const message = this.#read(next);
      if (message.kind !== 'report') return message;
    }
  }

  #read(message: RawMessage): AgentMessage {
    try {
      return this.wire.read(message);
    } catch (error) {
      return fail(`a message of type ${hex(message.type)} cannot be read: ${(error as Error).message}`);
    }
  }

  /** Next answer. @throws CheckFailure for any other message */
  async answer(): Promise<AgentAnswer> {
    const message = await this.hear();
    if (message === undefined) return fail(`the agent ended the connection: ${this.channel.ended}`);
    if (message.kind === 'answer') return message;
    return fail(
      message.kind === 'unexpected' ? `it sent ${message.what}` : `it sent a ${message.kind} instead of an answer`,
    );
  }

  /** Answer to the only pending request. @throws CheckFailure for another id */
  async answerTo(id: string): Promise<AgentAnswer> {
    const answer = await this.answer();
    failOn(answer.problems);
    if (answer.id !== id) fail('an answer for another request came');
    return answer;
  }

  /** Next `count` answers, in order of arrival. */
  async answers(count: number): Promise<AgentAnswer[]> {
    const found: AgentAnswer[] = [];
    while (found.length < count) found.push(await this.answer());
    return found;
  }

  /** Sends a new request and waits for its answer. @throws CheckFailure when another answer arrives first */
  async answersNow(): Promise<void> {
    alive += 1;
    const id = this.wire.id(alive);
    this.send(this.wire.head(id, { uri: '/' }));
    await this.answerTo(id);
  }

  /** All answers until the connection closes or `quietMs` pass without a message. */
  async everyAnswer(quietMs: number = this.timeoutMs / 2): Promise<AgentAnswer[]> {
    const found: AgentAnswer[] = [];
    for (;;) {
      const next = await this.channel.next(quietMs);
      if (next.kind !== 'message') return found;
      const message = this.#read(next);
      if (message.kind === 'answer') found.push(message);
    }
  }

  /** Waits for the agent to close the connection. @throws CheckFailure for an answer before that */
  async ends(): Promise<void> {
    const message = await this.hear();
    if (message === undefined) return;
    fail(message.kind === 'answer' ? `it was answered (${message.verdict})` : `it was followed by a ${message.kind}`);
  }

  /** Expects the connection to close, or to continue unaffected: no message is read as another. */
  async endsOrGoesOn(): Promise<void> {
    alive += 1;
    const id = this.wire.id(alive);
    this.send(this.wire.head(id, { uri: '/' }));
    const message = await this.hear();
    if (message === undefined || (message.kind === 'answer' && message.id === id)) return;
    if (message.kind === 'answer') fail('it was answered');
    fail(`it was followed by ${message.kind === 'unexpected' ? message.what : `a ${message.kind}`}`);
  }
}
