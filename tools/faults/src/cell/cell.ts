import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectSession, type ConnectSessionOptions } from '@agentwire/core/session';
import { AgentPool, type AgentPoolOptions } from '@agentwire/pool';
import { AgentProcess, type AgentProgram, type ProcessLimits } from '../agents/agent-process.ts';
import type { Column } from '../columns.ts';
import { GatewayProcess, type GatewaySettings } from '../http/gateway-process.ts';
import type { Upstream } from '../http/upstream.ts';
import { Relay, type RelayOptions } from '../relay/relay.ts';
import reversed, { freeAddress } from '../reverse/reversed-transport.ts';
import { AgentLeaks } from './agent-leaks.ts';
import { Asked } from './asked.ts';
import { TrackedSession } from './tracked-session.ts';
import { Yardstick } from './yardstick.ts';
import { monotonicMs } from '../now.ts';
import { waitUntil } from '../wait.ts';

/** Options of a session in a cell: those of a session, without what the cell decides. */
export type CellSessionOptions = Omit<ConnectSessionOptions, 'self' | 'onOutcome'>;

/** One row in one column: creates what the row needs, and checks that nothing of it is left afterwards. */
export class Cell {
  readonly column: Column;
  /** Set for the short run. */
  readonly quick: boolean;
  readonly folder: string = mkdtempSync(join(tmpdir(), 'aw-faults-'));
  /** Questions through pools; those on sessions are counted there. */
  readonly asked: Asked = new Asked();
  readonly #say: (text: string) => void;
  #at = '';
  readonly #sessions: TrackedSession[] = [];
  readonly #agents: AgentProcess[] = [];
  readonly #pools: AgentPool[] = [];
  readonly #relays: Relay[] = [];
  readonly #gateways: GatewayProcess[] = [];
  readonly #upstreams: Upstream[] = [];
  readonly #deferred: (() => Promise<unknown>)[] = [];
  #yardstick: Promise<Yardstick> | undefined;
  readonly #leaks = new Map<AgentProcess, AgentLeaks>();

  constructor(column: Column, quick: boolean, say: (text: string) => void) {
    this.column = column;
    this.quick = quick;
    this.#say = say;
  }

  /** Progress of the row, in a few words. */
  get at(): string {
    return this.#at;
  }

  /** Shows how far the row is. */
  progress(text: string): void {
    this.#at = text;
    this.#say(text);
  }

  /** Notes how far the row is: shown only if it still runs some seconds later. */
  note(text: string): void {
    this.#at = text;
  }

  /**
   * Starts an agent.
   *
   * @param address default one of its own
   * @param more further arguments of its program
   * @param limits what its process may have; default what this one has
   */
  async agent(
    program: AgentProgram = 'faults',
    address: string = this.column.address(this.folder),
    more: readonly string[] = [],
    limits: ProcessLimits = {},
  ): Promise<AgentProcess> {
    const agent = await AgentProcess.start(program, this.column, address, more, limits);
    this.#agents.push(agent);
    if (program === 'faults') {
      this.#leaks.set(agent, await AgentLeaks.begin(agent, this.column));
      agent.answeredMs = monotonicMs() - agent.listeningAt;
    }
    return agent;
  }

  /** Dials an agent. */
  async session(endpoint: string, options: CellSessionOptions = {}): Promise<TrackedSession> {
    const tracked = new TrackedSession(`session ${this.#sessions.length + 1}`);
    const { transport, hello } = this.column;
    tracked.session = await connectSession(transport, endpoint, {
      self: hello,
      ...options,
      ...tracked.options(options),
    });
    this.#sessions.push(tracked);
    return tracked;
  }

  /** A pool for this column's transport. */
  pool(options: AgentPoolOptions = {}): AgentPool {
    const { transport, hello } = this.column;
    const pool = new AgentPool({ transports: [transport], encodings: hello.encodings, ...options });
    this.#pools.push(pool);
    return pool;
  }

  /** Something in the middle that can cut, stall and change what passes. */
  async relay(endpoint: string, options: RelayOptions = {}): Promise<Relay> {
    const { reverse, hello } = this.column;
    const relay =
      reverse === undefined
        ? await Relay.open(this.column.address(this.folder), endpoint, options)
        : await Relay.open(freeAddress(endpoint, this.folder), await reversed.waitFor(endpoint, hello), {
            ...options,
            agent: endpoint,
          });
    this.#relays.push(relay);
    return relay;
  }

  /** A plain socket beside the row, by which its limits are judged; call it before the fault. */
  yardstick(): Promise<Yardstick> {
    return (this.#yardstick ??= Yardstick.start(join(this.folder, 'yardstick.sock')));
  }

  /** Ends something when the row has ended, before pools and agents do. */
  defer(end: () => Promise<unknown>): void {
    this.#deferred.push(end);
  }

  /** Starts a gateway. */
  async gateway(settings: GatewaySettings): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.start(join(this.folder, `${this.#gateways.length + 1}.yaml`), settings);
    this.#gateways.push(gateway);
    return gateway;
  }

  /** Closes `upstream` once the gateways have ended. */
  async upstream<T extends Upstream>(upstream: Promise<T>): Promise<T> {
    const open = await upstream;
    this.#upstreams.push(open);
    return open;
  }

  /** Ends everything. @param starvedMs how long the machine did not let us run @returns what was not as it must be after any row */
  async close(starvedMs: number): Promise<string[]> {
    const questions = [this.asked, ...this.#sessions.map(({ asked }) => asked)];
    await waitUntil(() => questions.every(({ asked, settled }) => asked === settled), 1_000);
    const found = [
      ...this.asked.findings(starvedMs),
      ...this.#sessions.flatMap((session) => session.findings(starvedMs)),
    ];
    for (const gateway of this.#gateways) {
      found.push(...(await gateway.findings()).map((text) => `gateway: ${text}`));
      await gateway.destroy();
    }
    await Promise.all(this.#upstreams.map((upstream) => upstream.close()));
    for (const end of this.#deferred) await end();
    for (const pool of this.#pools) found.push(...(await closePool(pool)));
    await Promise.all(this.#sessions.map(({ session }) => session.close()));
    for (const { closes } of this.#sessions) if (closes !== 1) found.push(`onClose was called ${closes} times`);
    await Promise.all(this.#relays.map((relay) => relay.close()));
    for (const agent of this.#agents) found.push(...(await this.#closeAgent(agent)));
    if (this.column.reverse !== undefined) await reversed.end();
    await (await this.#yardstick)?.close();
    rmSync(this.folder, { recursive: true, force: true });
    return found;
  }

  async #closeAgent(agent: AgentProcess): Promise<string[]> {
    const found: string[] = [];
    if (agent.ended && !agent.endsItself) found.push(`the agent died: ${agent.errors.trim().slice(-500)}`);
    if (agent.program === 'http' && /uncaught|unhandled|MaxListeners/i.test(agent.errors))
      found.push(`the agent says: ${agent.errors.trim().slice(-500)}`);
    if (!agent.ended && !agent.endsItself) found.push(...((await this.#leaks.get(agent)?.findings()) ?? []));
    await agent.destroy();
    return found;
  }
}

async function closePool(pool: AgentPool): Promise<string[]> {
  const found: string[] = [];
  for (const { name, inFlight, queued, liveRequests } of pool.stats.agents) {
    if (inFlight + queued + liveRequests > 0)
      found.push(`pool: ${name} has ${inFlight} in flight, ${queued} queued, ${liveRequests} live requests`);
  }
  await pool.close();
  return found;
}
