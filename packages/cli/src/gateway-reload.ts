import type { AgentDirectory, Gateway, GatewayOptions } from '@agentwire/gateway';
import type { AgentEntry } from '@agentwire/gateway/config-file';
import type { Logger } from '@agentwire/core';
import type { AddAgentOptions, AgentPool } from '@agentwire/pool';
import type { GatewaySettings } from './commands/gateway-settings.ts';
import { readSecret } from './read-named-file.ts';
import { UsageError } from './usage-error.ts';

/** Keys whose change needs a restart: they are about sockets and transports that exist. */
const FIXED = [
  'listen',
  'admin',
  'adminHosts',
  'adminTokenFile',
  'accessLog',
  'record',
  'https',
  'h2c',
  'proxyProtocol',
  'tls',
  'transports',
  'reverseListen',
  'tokenFile',
  'pool',
] as const;

/** Refuses settings in which one of `keys` has changed. @throws UsageError naming the key */
export function refuseChanges(
  keys: readonly (keyof GatewaySettings)[],
  before: GatewaySettings,
  after: GatewaySettings,
  example: string,
): void {
  const changed = keys.find((key) => JSON.stringify(after[key]) !== JSON.stringify(before[key]));
  if (changed !== undefined)
    throw new UsageError(`${changed} has changed, which needs a restart; nothing was reloaded`, example);
}

/** Collaborators of a {@link GatewayReload}. */
export interface GatewayReloadDeps {
  readonly pool: AgentPool;
  readonly logger: Logger;
  readonly example: string;
  readonly metrics: GatewayOptions['metrics'];
  readonly tracer?: GatewayOptions['tracer'];
  readonly onRequestEnd?: GatewayOptions['onRequestEnd'];
  readonly record?: GatewayOptions['record'];
  /** Reads flags and file again. @throws UsageError for any wrong value */
  readonly read: () => GatewaySettings;
}

interface Added {
  /** Settings that the agent was added with, to tell whether it changed. */
  readonly made: string;
  /** Name in the pool: a changed agent is beside its former self until the last request of that is over. */
  readonly poolName: string;
}

/** Agents of a gateway's settings in its pool, and the settings themselves, which may be read again. */
export class GatewayReload {
  readonly #deps: GatewayReloadDeps;
  #settings: GatewaySettings;
  #agents: ReadonlyMap<string, Added> = new Map();
  #generation = 1;
  #last: Promise<void> = Promise.resolve();
  /** Reload that waits for the one before. */
  #next: Promise<void> | undefined;

  constructor(settings: GatewaySettings, deps: GatewayReloadDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  /** Adds the agents of the settings to the pool. @returns options of the gateway */
  async start(): Promise<GatewayOptions> {
    this.#agents = await this.#add(this.#settings);
    return this.#options(this.#settings);
  }

  /**
   * Reads the settings again; one reload at a time, and all that ask for one meanwhile share the next one.
   *
   * @throws UsageError where they are wrong, and nothing changes
   */
  reload(gateway: Gateway): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#last.then(() => {
      this.#next = undefined;
      return this.#reload(gateway);
    });
    this.#next = next;
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #reload(gateway: Gateway): Promise<void> {
    const { pool, logger, read, example } = this.#deps;
    const settings = read();
    refuseChanges(FIXED, this.#settings, settings, example);
    if (reverseOf(settings) !== reverseOf(this.#settings))
      throw new UsageError(
        'an agent with endpoint reverse has changed, which needs a restart; nothing was reloaded',
        example,
      );
    const before = this.#agents;
    const after = await this.#add(settings);
    const added = [...after.values()].filter((one) => ![...before.values()].includes(one));
    this.#agents = after;
    try {
      const over = gateway.reload(this.#options(settings));
      this.#settings = settings;
      const kept = new Set(after.values());
      const gone = [...before.values()].filter((one) => !kept.has(one));
      void over
        .then(() => Promise.all(gone.map(({ poolName }) => pool.removeAgent(poolName))))
        .catch((error: unknown) => {
          logger.warn({ err: error }, 'an agent that is no longer used could not be removed');
        });
      await Promise.race([over, Promise.resolve()]);
      if (after.size === 0 && before.size > 0)
        logger.warn({}, 'there are no agents any more: every request passes unasked');
      logger.info({ agents: after.size, added: added.length, removed: gone.length }, 'the configuration was reloaded');
    } catch (error) {
      this.#agents = before;
      await Promise.all(added.map(({ poolName }) => pool.removeAgent(poolName)));
      throw error;
    }
  }

  #options({ gateway, upstream, upstreams, routes, pipeline }: GatewaySettings): GatewayOptions {
    const { pool, logger, metrics, tracer, onRequestEnd, record } = this.#deps;
    const directory = directoryOf(pool, this.#agents);
    const observers = { logger, metrics, tracer, onRequestEnd, record };
    return { ...gateway, pool: directory, upstream, upstreams, routes, agents: pipeline, ...observers };
  }

  async #add(settings: GatewaySettings): Promise<ReadonlyMap<string, Added>> {
    const { pool } = this.#deps;
    const adding: Promise<void>[] = [];
    // before any is added: a token file may be missing
    const wanted = settings.agents.map((entry) => ({ entry, options: this.#optionsOf(entry, settings) }));
    const all = wanted.map(({ entry, options }): [string, Added] => {
      const { name } = entry;
      const made = JSON.stringify([entry, options.token]);
      const before = this.#agents.get(name);
      if (before?.made === made) return [name, before];
      let poolName = name;
      // one that was removed may still have requests
      while (pool.has(poolName)) poolName = `${name}#${(this.#generation += 1)}`;
      if (entry.endpoint === 'reverse') pool.addReverseAgent(poolName, options);
      else adding.push(pool.addAgent(poolName, entry.endpoint, options));
      return [name, { made, poolName }];
    });
    await Promise.all(adding);
    return new Map(all);
  }

  #optionsOf({ name, onFailure, tokenFile }: AgentEntry, { nameOfAgentToken }: GatewaySettings): AddAgentOptions {
    const { example } = this.#deps;
    return {
      shownAs: name,
      ...(onFailure !== undefined && { onFailure }),
      ...(tokenFile !== undefined && { token: readSecret(nameOfAgentToken(name), tokenFile, example) }),
    };
  }
}

/** Returns the agents that register by themselves: who may is decided at the start, and they keep their name. */
function reverseOf({ agents }: GatewaySettings): string {
  return JSON.stringify(agents.filter(({ endpoint }) => endpoint === 'reverse'));
}

/** Returns the pool as the gateway asks it: under the names of the file. */
function directoryOf(pool: AgentPool, agents: ReadonlyMap<string, Added>): AgentDirectory {
  const renamed = [...agents].filter(([name, { poolName }]) => name !== poolName);
  if (renamed.length === 0) return pool;
  const names = new Map(renamed.map(([name, { poolName }]) => [name, poolName]));
  const of = (agent: string): string => names.get(agent) ?? agent;
  return {
    decide: (agent, ...rest) => pool.decide(of(agent), ...rest),
    decideFailure: (agent, ...rest) => pool.decideFailure(of(agent), ...rest),
    handles: (agent, ...rest) => pool.handles(of(agent), ...rest),
    sendRequestComplete: (agent, ...rest) => pool.sendRequestComplete(of(agent), ...rest),
    cancelRequest: (agent, ...rest) => pool.cancelRequest(of(agent), ...rest),
    request: (agent, ...rest) => pool.request(of(agent), ...rest),
    recordShadow: (agent, ...rest) => pool.recordShadow(of(agent), ...rest),
  };
}
