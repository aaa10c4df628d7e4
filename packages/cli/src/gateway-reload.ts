import type { Gateway, GatewayOptions } from '@agentwire/gateway';
import type { AgentEntry } from '@agentwire/gateway/config-file';
import type { Logger } from '@agentwire/core';
import type { AddAgentOptions, AgentPool } from '@agentwire/pool';
import { type Agents, AgentUses, directoryOf, type PoolAgent } from './agent-uses.ts';
import { checkTlsFiles } from './check-gateway-files.ts';
import type { GatewaySettings } from './commands/gateway-settings.ts';
import {
  type GatewaySecrets,
  readGatewayFiles,
  refuseChanges,
  refuseContents,
  reverseOf,
  tlsContentOf,
} from './gateway-files.ts';
import type { GatewayTransports } from './gateway-transports.ts';
import { readToken } from './named-files.ts';
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
  'workers',
] as const;

/** Collaborators of a {@link GatewayReload}. */
export interface GatewayReloadDeps {
  readonly pool: AgentPool;
  /** Stock transports of the pool. */
  readonly transports: Pick<GatewayTransports, 'replace'>;
  readonly logger: Logger;
  readonly example: string;
  readonly metrics: GatewayOptions['metrics'];
  readonly tracer?: GatewayOptions['tracer'];
  readonly onRequestEnd?: GatewayOptions['onRequestEnd'];
  readonly record?: GatewayOptions['record'];
  /** Reads flags and file again. @throws UsageError for any wrong value */
  readonly read: () => GatewaySettings;
}

/** Agents of a gateway's settings in its pool, and the settings themselves, which may be read again. */
export class GatewayReload {
  readonly #deps: GatewayReloadDeps;
  #settings: GatewaySettings;
  #secrets: GatewaySecrets;
  #agents: Agents = new Map();
  readonly #uses: AgentUses;
  #generation = 1;
  #last: Promise<void> = Promise.resolve();
  /** Reload that waits for the one before. */
  #next: Promise<void> | undefined;

  /** @throws UsageError for a file that cannot be read */
  constructor(settings: GatewaySettings, deps: GatewayReloadDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#uses = new AgentUses(deps.pool, deps.logger);
    this.#secrets = readGatewayFiles(settings, deps.example);
  }

  /** Secrets of the settings in use. */
  get secrets(): GatewaySecrets {
    return this.#secrets;
  }

  /** Adds the agents of the settings to the pool. @returns options of the gateway */
  async start(): Promise<GatewayOptions> {
    this.#agents = await this.#add(this.#settings);
    this.#uses.begin(this.#agents);
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
    const { transports, logger, read, example } = this.#deps;
    const settings = read();
    refuseChanges(FIXED, this.#settings, settings, example);
    refuseContents(this.#settings, settings, example);
    if (reverseOf(settings) !== reverseOf(this.#settings))
      throw new UsageError(
        'an agent with endpoint reverse has changed, which needs a restart; nothing was reloaded',
        example,
      );
    const secrets = readGatewayFiles(settings, example);
    checkTlsFiles(settings, example);
    const before = this.#agents;
    const restoreTls = transports.replace(settings);
    let after: Agents = new Map();
    try {
      after = await this.#add(settings);
      this.#uses.begin(after);
      const added = [...after.values()].filter((one) => ![...before.values()].includes(one));
      this.#agents = after;
      const over = gateway.reload(this.#options(settings));
      this.#settings = settings;
      this.#secrets = secrets;
      gateway.reloadCertificates();
      const kept = new Set(after.values());
      const gone = [...before.values()].filter((one) => !kept.has(one));
      // it may be over in days, or never where the gateway is closed before
      over.catch(() => undefined);
      await Promise.race([over, Promise.resolve()]);
      if (after.size === 0 && before.size > 0)
        logger.warn({}, 'there are no agents any more: every request passes unasked');
      logger.info({ agents: after.size, added: added.length, removed: gone.length }, 'the configuration was reloaded');
    } catch (error) {
      restoreTls();
      this.#agents = before;
      await this.#uses.end(after);
      throw error;
    }
  }

  #options({ gateway, upstream, upstreams, routes, pipeline }: GatewaySettings): GatewayOptions {
    const { pool, logger, metrics, tracer, onRequestEnd, record } = this.#deps;
    const agents = this.#agents;
    const directory = directoryOf(pool, agents);
    const observers = { logger, metrics, tracer, onRequestEnd, record, onReplaced: () => this.#uses.end(agents) };
    return { ...gateway, pool: directory, upstream, upstreams, routes, agents: pipeline, ...observers };
  }

  async #add(settings: GatewaySettings): Promise<Agents> {
    const { pool, example } = this.#deps;
    const adding: Promise<void>[] = [];
    // before any is added: a token file may be missing
    const wanted = settings.agents.map((entry) => ({ entry, options: this.#optionsOf(entry, settings) }));
    const all = wanted.map(({ entry, options }): [string, PoolAgent] => {
      const { name } = entry;
      const made = JSON.stringify([entry, options.token, tlsContentOf(settings, entry.endpoint, example)]);
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

  #optionsOf(
    { name, onFailure, tokenFile }: AgentEntry,
    { nameOfAgentToken, files }: GatewaySettings,
  ): AddAgentOptions {
    const { example } = this.#deps;
    return {
      shownAs: name,
      ...(onFailure !== undefined && { onFailure }),
      ...(tokenFile !== undefined && { token: readToken(nameOfAgentToken(name), tokenFile, example, files.read) }),
    };
  }
}
