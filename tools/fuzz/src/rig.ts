import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentServer, serveAgent } from '@agentwire/agent';
import { createGateway, type Gateway } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import { Journal, type CaseRecord } from './journal.ts';
import { plannedAgent } from './planned-agent.ts';
import { startUpstream } from './planned-upstream.ts';
import { type ClientView, playClient } from './raw-client.ts';
import type { Scenario } from './scenario.ts';
import type { Way } from './transports.ts';

/** All that was seen of one scenario. */
export interface Outcome extends CaseRecord {
  readonly client: ClientView;
}

/** Time limit of one request, in milliseconds. */
const LIMIT_MS = 20_000;

/** An upstream, two agents and two gateways (`stream` and `hold`) on one transport. */
export class Rig implements AsyncDisposable {
  readonly way: Way;
  readonly #journal = new Journal();
  readonly #stack = new AsyncDisposableStack();
  readonly #gateways = new Map<Scenario['mode'], { gateway: Gateway; url: string }>();
  readonly #servers: AgentServer[] = [];
  #pool: AgentPool | undefined;

  constructor(way: Way) {
    this.way = way;
  }

  static async open(way: Way): Promise<Rig> {
    const rig = new Rig(way);
    await rig.#open();
    return rig;
  }

  async #open(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'aw-fuzz-'));
    this.#stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const transport = this.way.transport();
    const pool = new AgentPool({ transports: [transport], encodings: [...this.way.encodings], connectionsPerAgent: 2 });
    this.#pool = pool;
    const upstream = this.#stack.use(await startUpstream(this.#journal));
    for (const which of [0, 1] as const) {
      const server = await serveAgent(plannedAgent(which, this.#journal), {
        transports: [transport],
        listen: [this.way.address(folder, `agent-${which}`)],
      });
      this.#servers.push(server);
      this.#stack.use(server);
      await pool.addAgent(`planned-${which}`, server.endpoints[0] ?? '');
    }
    this.#stack.use(pool);
    for (const mode of ['stream', 'hold'] as const) {
      const gateway = createGateway({
        pool,
        upstream: upstream.url,
        agents: ['planned-0', 'planned-1'],
        requestBody: mode,
        responseBody: mode,
        onRequestEnd: (summary) => this.#ends.push(summary),
      });
      this.#stack.use(gateway);
      this.#gateways.set(mode, { gateway, url: await gateway.listen() });
    }
  }

  /** Requests that ended since the last scenario. */
  #ends: Outcome['ends'][number][] = [];

  /** Plays one scenario to its end. */
  async play(scenario: Scenario): Promise<Outcome> {
    const at = this.#gateways.get(scenario.mode);
    if (at === undefined) throw new TypeError('the rig is not open');
    this.#ends = [];
    const before = at.gateway.stats.requests;
    const record = this.#journal.open(scenario);
    const client = await playClient(at.url, scenario, LIMIT_MS);
    // a gateway may still be busy with a request whose client is gone
    const until = performance.now() + LIMIT_MS;
    while (this.#busy(at.gateway, before) && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 1));
    record.ends.push(...this.#ends);
    this.#journal.close(scenario);
    return { ...record, client };
  }

  #busy(gateway: Gateway, before: number): boolean {
    if (gateway.stats.active > 0 || this.#ends.length < gateway.stats.requests - before) return true;
    return (this.#pool?.stats.agents ?? []).some(
      ({ inFlight, queued, liveRequests }) => inFlight + queued + liveRequests > 0,
    );
  }

  /** Returns what is still held though nothing runs. */
  leftovers(): string[] {
    const found: string[] = [];
    for (const { name, inFlight, queued, liveRequests } of this.#pool?.stats.agents ?? [])
      if (inFlight + queued + liveRequests > 0)
        found.push(`pool: ${name} has ${inFlight} in flight, ${queued} queued, ${liveRequests} live`);
    for (const [mode, { gateway }] of this.#gateways)
      if (gateway.stats.active > 0) found.push(`gateway (${mode}): ${gateway.stats.active} active`);
    for (const [at, { stats }] of this.#servers.entries())
      if (stats.running > 0) found.push(`agent ${at}: ${stats.running} handlers run`);
    return found;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
