import { type Clock, type Decision, type Logger, type RequestComplete, toAgentwireError } from '@agentwire/core';
import { Redaction } from '@agentwire/recording/internal';
import type { AgentDirectory } from '@agentwire/pipeline';
import type { FileLength } from '../access-log/line-file.ts';
import type { LineWriter } from '../access-log/line-writer.ts';
import { type Asked, OpenRequest, type RequestRules } from './open-request.ts';

/** Collaborators of a {@link Recorder}. */
export interface RecorderDeps {
  readonly writer: LineWriter;
  readonly length: FileLength;
  readonly redact: readonly string[];
  readonly query: boolean;
  readonly maxBodyBytes: number;
  readonly maxFileBytes: number;
  readonly maxBufferBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Question = Parameters<AgentDirectory['decide']>[1];

const RECORDED: ReadonlySet<string> = new Set<Asked['type']>([
  'requestHeaders',
  'requestBodyChunk',
  'responseHeaders',
  'responseBodyChunk',
]);

/** Records what agents are asked and decide, between a pipeline and its pool. Nothing of it waits, fails a request, or changes a decision. */
export class Recorder {
  readonly #deps: RecorderDeps;
  readonly #rules: RequestRules;
  /** Requests that are not over, oldest first. */
  readonly #open = new Map<string, OpenRequest>();
  #openCharacters = 0;
  #isFull = false;
  /** Lines that were left out because the file was full. */
  dropped = 0;

  constructor(deps: RecorderDeps) {
    this.#deps = deps;
    this.#rules = { redaction: new Redaction(deps), maxBodyBytes: deps.maxBodyBytes };
  }

  /** `true` once the file has its length: nothing is recorded. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Returns a pool whose decisions are recorded. */
  around(pool: AgentDirectory): AgentDirectory {
    return {
      decide: (agent, event, options) => this.#ask(pool, agent, event, false, () => pool.decide(agent, event, options)),
      decideFailure: (...failure) => pool.decideFailure(...failure),
      handles: (agent, type) => pool.handles(agent, type),
      sendRequestComplete: (agent, complete) => {
        this.#guarded(() => this.#complete(agent, complete));
        return pool.sendRequestComplete(agent, complete);
      },
      cancelRequest: (agent, id) => {
        this.#guarded(() => this.#finish(`${agent} ${id}`, undefined));
        return pool.cancelRequest(agent, id);
      },
      ...(pool.request !== undefined && {
        request: (agent, event, options) =>
          this.#ask(pool, agent, event, true, () => (pool.request as AgentDirectory['decide'])(agent, event, options)),
      }),
      ...(pool.recordShadow !== undefined && { recordShadow: (...shadow) => pool.recordShadow?.(...shadow) }),
    };
  }

  /** Writes the requests that are not over. */
  flush(): void {
    for (const key of this.#open.keys()) this.#finish(key, undefined);
  }

  /** Records again once the file was opened anew. */
  reopened(): void {
    this.#isFull = false;
  }

  #ask(
    pool: AgentDirectory,
    agent: string,
    event: Question,
    observed: boolean,
    ask: () => Promise<Decision>,
  ): Promise<Decision> {
    if (this.#isFull || !RECORDED.has(event.type)) return ask();
    const request = this.#guarded(() => this.#begin(pool, agent, event as Asked, observed));
    if (request === undefined) return ask();
    return ask().then(
      (decision) => {
        this.#guarded(() => this.#grow(request, () => request.decided(decision, this.#deps.clock.now())));
        return decision;
      },
      (error: unknown) => {
        const { code } = toAgentwireError(error, 'ERR_PROTOCOL');
        this.#guarded(() => this.#grow(request, () => request.rejected(code, this.#deps.clock.now())));
        throw error;
      },
    );
  }

  /** Begins a call. @returns its request; `undefined` where the agent is not asked, or the request is not recorded */
  #begin(pool: AgentDirectory, agent: string, event: Asked, observed: boolean): OpenRequest | undefined {
    const key = `${agent} ${event.id}`;
    const { clock } = this.#deps;
    if (event.type === 'requestHeaders' && !this.#open.has(key)) {
      const made = new OpenRequest(agent, event, clock.wallNow(), observed, this.#rules);
      this.#open.set(key, made);
      this.#openCharacters += made.length;
    }
    const request = this.#open.get(key);
    if (request === undefined || pool.handles(agent, event.type) === false) return undefined;
    this.#grow(request, () => request.ask(event, clock.now()));
    return request;
  }

  /** Lets a request grow; past the limit, the oldest ones are written as they are. */
  #grow(request: OpenRequest, grow: () => void): void {
    const before = request.length;
    grow();
    this.#openCharacters += request.length - before;
    for (const key of this.#open.keys()) {
      if (this.#openCharacters <= this.#deps.maxBufferBytes) return;
      this.#finish(key, undefined);
    }
  }

  #complete(agent: string, { id, ...summary }: Omit<RequestComplete, 'type'>): void {
    this.#finish(`${agent} ${id}`, summary);
  }

  #finish(key: string, complete: Omit<RequestComplete, 'type' | 'id'> | undefined): void {
    const request = this.#open.get(key);
    if (request === undefined) return;
    this.#open.delete(key);
    this.#openCharacters -= request.length;
    const { writer, length, clock, maxFileBytes, maxBufferBytes, logger } = this.#deps;
    const line = request.line(complete, clock.now());
    if (!this.#isFull && length.bytes + writer.waitingBytes + Buffer.byteLength(line) > maxFileBytes) {
      this.#isFull = true;
      logger.warn({ maxFileBytes }, 'the recording has ended: its file is full; SIGUSR1 opens it again');
    }
    if (this.#isFull) this.dropped += 1;
    else writer.push(line, maxBufferBytes);
  }

  /** Runs a part of the recording, whose exceptions are no matter of the request. */
  #guarded<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.#deps.logger.error({ err: error }, 'a request could not be recorded');
      return undefined;
    }
  }
}
