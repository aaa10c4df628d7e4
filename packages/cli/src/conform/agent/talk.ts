import { fail, none } from '../check.ts';
import type { RawChannel } from '../raw/channel.ts';
import type { RawMessage } from '../raw/inbox.ts';
import { type AnswerSaid, hex, type Said, type Wire } from '../wire/wire.ts';

/** Ids for the requests that only ask whether the agent still answers. */
let alive = 900_000;

/** A proxy's end of one connection to the agent under test. */
export class Talk {
  readonly channel: RawChannel;
  readonly wire: Wire;
  readonly patienceMs: number;

  constructor(channel: RawChannel, wire: Wire, patienceMs: number) {
    this.channel = channel;
    this.wire = wire;
    this.patienceMs = patienceMs;
  }

  send(...messages: readonly RawMessage[]): void {
    this.channel.sendBytes(Buffer.concat(messages.map((message) => this.channel.frame(message))));
  }

  /** What the agent says next, reports aside. `undefined` when it ended the connection. */
  async hear(waitMs: number = this.patienceMs): Promise<Said | undefined> {
    for (;;) {
      const heard = await this.channel.next(waitMs);
      if (heard.kind === 'silence') fail(`nothing came in ${waitMs} ms`);
      if (heard.kind === 'ended') return undefined;
      const said = this.#read(heard);
      if (said.kind !== 'report') return said;
    }
  }

  #read(message: RawMessage): Said {
    try {
      return this.wire.read(message);
    } catch (error) {
      return fail(`a message of type ${hex(message.type)} cannot be read: ${(error as Error).message}`);
    }
  }

  /** The next answer. */
  async answer(): Promise<AnswerSaid> {
    const said = await this.hear();
    if (said === undefined) return fail(`the agent ended the connection: ${this.channel.ended}`);
    if (said.kind === 'answer') return said;
    return fail(said.kind === 'foreign' ? `it sent ${said.what}` : `it sent a ${said.kind} instead of an answer`);
  }

  /** The answer to the one thing that was asked. */
  async answerTo(id: string): Promise<AnswerSaid> {
    const answer = await this.answer();
    none(answer.problems);
    if (answer.id !== id) fail('an answer for another request came');
    return answer;
  }

  /** As many answers as there were questions, whatever their order. */
  async answers(count: number): Promise<AnswerSaid[]> {
    const found: AnswerSaid[] = [];
    while (found.length < count) found.push(await this.answer());
    return found;
  }

  /** Asks something new and waits for its answer; what else is answered meanwhile is a failure. */
  async stillAnswers(): Promise<void> {
    alive += 1;
    const id = this.wire.id(alive);
    this.send(this.wire.head(id, { uri: '/' }));
    await this.answerTo(id);
  }

  /** Every answer until the connection ends, or nothing came for a while. */
  async everyAnswer(quietMs: number = this.patienceMs / 2): Promise<AnswerSaid[]> {
    const found: AnswerSaid[] = [];
    for (;;) {
      const heard = await this.channel.next(quietMs);
      if (heard.kind !== 'message') return found;
      const said = this.#read(heard);
      if (said.kind === 'answer') found.push(said);
    }
  }

  /** Waits for the agent to end the connection; an answer before that is a failure. */
  async ends(): Promise<void> {
    const said = await this.hear();
    if (said === undefined) return;
    fail(said.kind === 'answer' ? `it was answered (${said.verdict})` : `it was followed by a ${said.kind}`);
  }

  /** Either the connection ends, or it goes on as if nothing had been: no message is read as another. */
  async endsOrGoesOn(): Promise<void> {
    alive += 1;
    const id = this.wire.id(alive);
    this.send(this.wire.head(id, { uri: '/' }));
    const said = await this.hear();
    if (said === undefined || (said.kind === 'answer' && said.id === id)) return;
    if (said.kind === 'answer') fail('it was answered');
    fail(`it was followed by ${said.kind === 'foreign' ? said.what : `a ${said.kind}`}`);
  }
}
