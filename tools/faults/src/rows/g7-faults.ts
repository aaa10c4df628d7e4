import type { AgentProcess } from '../agents/agent-process.ts';
import type { Cell } from '../cell/cell.ts';
import {
  ANSWER,
  changeFrames,
  changeHttp2,
  type ChangeMessage,
  grpcDataFrame,
  type MessageNumber,
} from '../relay/messages.ts';
import type { Change, Relay } from '../relay/relay.ts';

/** Faults of an agent, in order. */
export const FAULTS = ['killed', 'stopped', 'late', 'reset', 'stalled', 'garbage', 'doubled', 'undecodable'] as const;
export type FaultName = (typeof FAULTS)[number];

/** An agent behind a relay, and what can go wrong with both. */
export class AgentFaults {
  /** Address that the gateway dials. */
  readonly endpoint: string;
  readonly #cell: Cell;
  readonly #relay: Relay;
  #agent: AgentProcess;
  readonly #answers: Answers;

  private constructor(cell: Cell, agent: AgentProcess, relay: Relay, answers: Answers) {
    this.#cell = cell;
    this.#agent = agent;
    this.#relay = relay;
    this.#answers = answers;
    this.endpoint = relay.endpoint;
  }

  static async start(cell: Cell): Promise<AgentFaults> {
    const agent = await cell.agent('http');
    const answers = new Answers(cell.column.medium === 'frames');
    const relay = await cell.relay(agent.endpoint, { toProxy: () => answers.change() });
    return new AgentFaults(cell, agent, relay, answers);
  }

  async begin(name: FaultName): Promise<void> {
    const links = [...this.#relay.links];
    if (name === 'killed') {
      this.#agent.signal('SIGKILL');
      await this.#agent.exited;
    }
    if (name === 'stopped') this.#agent.signal('SIGSTOP');
    if (name === 'undecodable') this.#answers.broken = true;
    for (const link of links) {
      // a unix socket knows no RST
      if (name === 'reset') link.cut(this.#cell.column.medium === 'frames' ? 'destroy' : 'rst');
      if (name === 'stalled') link.stall();
      if (name === 'garbage') link.proxy.write(Buffer.alloc(64, 0xff));
    }
    // the answer to the last question once more, before the next question
    if (name === 'doubled') this.#relay.last?.proxy.write(this.#answers.again());
  }

  async end(name: FaultName): Promise<void> {
    if (name === 'killed') this.#agent = await this.#cell.agent('http', this.#agent.endpoint);
    if (name === 'stopped') this.#agent.signal('SIGCONT');
    this.#answers.broken = false;
    if (name === 'stalled') for (const link of this.#relay.links) link.destroy();
  }
}

/** Looks at what the agent answers, and can spoil it. */
class Answers {
  /** Set when answers are unreadable. */
  broken = false;
  readonly #frames: boolean;
  #last: readonly [type: MessageNumber, payload: Buffer] = [ANSWER, Buffer.alloc(0)];

  constructor(frames: boolean) {
    this.#frames = frames;
  }

  change(): Change {
    const look: ChangeMessage = (type, payload) => {
      if (type !== ANSWER) return payload;
      this.#last = [type, Buffer.from(payload)];
      return this.broken ? Buffer.alloc(payload.length, 0xff) : payload;
    };
    return this.#frames ? changeFrames(look) : changeHttp2('toProxy', look);
  }

  /** The last answer as it stood on the wire. */
  again(): Buffer {
    const [type, payload] = this.#last;
    if (!this.#frames) return grpcDataFrame(payload);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(payload.length + 1);
    head[4] = type;
    return Buffer.concat([head, payload]);
  }
}
