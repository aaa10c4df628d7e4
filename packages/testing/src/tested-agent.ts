import { type Agent, type AgentServer, serveAgent } from '@agentwire/agent';
import { withFailureObserver } from '@agentwire/agent/internal';
import { type Configure, type Decision, FEATURES, type Logger, toAgentwireError } from '@agentwire/core';
import { checkOptions, OPTION } from '@agentwire/core/internal';
import { type AgentNotice, connectSession, type ProxySession } from '@agentwire/core/session';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { Play } from './play.ts';
import { type ReplayOptions, type ReplayResult, replayRecording } from './replay-recording.ts';
import { checkTestRequest, type RequestBodyMode, type TestRequest, type TestResult } from './test-request.ts';
import { ThrownErrors } from './thrown-errors.ts';

/** Options of {@link testAgent}. */
export interface TestAgentOptions {
  /** Clock that the agent reads; default a new one, at 2025-01-01 UTC. */
  readonly clock?: ManualClock | undefined;
  /**
   * Gateway option of this name to play; default `stream`, as there: a request header that the agent sets after the first chunk of a body of
   * several is the failure `ERR_TOO_LATE`. Set `buffer` for an agent whose gateway buffers; `hold` is the former spelling of that.
   */
  readonly requestBody?: RequestBodyMode | 'hold' | undefined;
}

/** Line that the agent logged. */
export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** `proxy` for a line of `context.log()`, `agent` for its own log. */
  readonly to: 'agent' | 'proxy';
}

interface Started {
  readonly server: AgentServer;
  readonly session: ProxySession;
}

const ADDRESS = 'memory:agent-under-test';
const PROXY = { role: 'proxy', name: 'test', version: '1', features: FEATURES, encodings: ['json'] } as const;

/** Agent in memory that a test asks as a proxy does; created by {@link testAgent}. */
export class TestedAgent implements AsyncDisposable {
  /** Clock that the agent reads; {@link advance} moves it. */
  readonly clock: ManualClock;
  /** Lines that the agent logged, to itself and to the proxy. */
  readonly logs: LogLine[] = [];
  /** Reports of health and metrics that the agent sent. */
  readonly reports: AgentNotice[] = [];
  readonly #agent: Agent;
  readonly #requestBody: RequestBodyMode;
  readonly #thrown = new ThrownErrors();
  #started: Promise<Started> | undefined;

  constructor(agent: Agent, options: TestAgentOptions = {}) {
    checkOptions('testAgent', options, { clock: OPTION.clock, requestBody: OPTION.oneOf('stream', 'buffer', 'hold') });
    this.#agent = withFailureObserver(agent, (thrown, requestId) => this.#thrown.add(thrown, requestId));
    this.clock = options.clock ?? createManualClock();
    const { requestBody = 'stream' } = options;
    this.#requestBody = requestBody === 'hold' ? 'buffer' : requestBody;
  }

  /**
   * Plays a request through the agent. Rejects with an `AgentwireError` where a proxy gets a failure instead of a decision: what a handler
   * threw is its `cause`, and in its message, which no proxy gets.
   */
  async request(request: TestRequest = {}): Promise<TestResult> {
    checkTestRequest(request);
    const { session } = await this.#start();
    const events = session.connection.peer.capabilities?.events ?? [];
    const exchange = session.open();
    try {
      return await new Play(exchange, new Set(events), this.#requestBody).run(request);
    } catch (error) {
      throw this.#thrown.explain(toAgentwireError(error, 'ERR_HANDLER'), exchange.id, request.metadata);
    }
  }

  /**
   * Asks the agent again what a recording of a gateway has, and compares its decisions: a golden file. Its time moves on as it did then.
   *
   * @throws AssertionError with the differences; AgentwireError `ERR_INVALID_ARGUMENT` for a file that is no recording
   */
  async replay(file: string, options: ReplayOptions = {}): Promise<ReplayResult> {
    const { session } = await this.#start();
    const explain = this.#thrown.explain.bind(this.#thrown);
    return replayRecording(file, { session, advance: (ms) => this.advance(ms), explain }, options);
  }

  /** Gives the agent a configuration. @returns its decision: an allow accepts it */
  async configure(config: unknown, configVersion?: string): Promise<Decision> {
    const { session } = await this.#start();
    const event: Omit<Configure, 'id'> = { type: 'configure', config, configVersion };
    const exchange = session.open();
    try {
      return await exchange.ask(event);
    } catch (error) {
      throw this.#thrown.explain(toAgentwireError(error, 'ERR_HANDLER'), exchange.id);
    } finally {
      exchange.end();
    }
  }

  /** Moves time on by `ms` and lets the agent do what is due then, such as the end of `handlerTimeoutMs`. */
  async advance(ms: number): Promise<void> {
    await this.#start();
    await turn();
    this.clock.advance(ms);
    await turn();
  }

  /** Ends the agent. Idempotent. */
  async close(): Promise<void> {
    if (this.#started === undefined) return;
    const { session, server } = await this.#started;
    await session.close();
    await server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(): Promise<Started> {
    this.#started ??= this.#serve();
    return this.#started;
  }

  async #serve(): Promise<Started> {
    const { clock } = this;
    const transport = createMemoryTransport({ clock });
    const options = { transports: [transport], listen: [ADDRESS], clock, keepalive: false, busyPoll: false } as const;
    const server = await serveAgent(this.#agent, { ...options, logger: this.#logger() });
    const session = await connectSession(transport, ADDRESS, {
      self: PROXY,
      clock,
      keepalive: false,
      onNotice: (notice) => this.#take(notice),
    });
    return { server, session };
  }

  #take(notice: AgentNotice): void {
    if (notice.type === 'log')
      this.logs.push({ level: notice.level, message: notice.message, fields: notice.fields, to: 'proxy' });
    else if (notice.type === 'healthStatus' || notice.type === 'metricsReport') this.reports.push(notice);
  }

  #logger(): Logger {
    const at =
      (level: keyof Logger) =>
      (fields: LogLine['fields'], message: string): void =>
        void this.logs.push({ level, message, fields, to: 'agent' });
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }
}

/** Lets everything that is ready to run, run. */
async function turn(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
}

/** Makes an agent that a test asks in memory, with a clock that only the test moves. Nothing runs before the first request. */
export function testAgent<State>(agent: Agent<State>, options?: TestAgentOptions): TestedAgent {
  return new TestedAgent(agent, options);
}
