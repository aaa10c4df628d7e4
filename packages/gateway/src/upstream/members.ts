import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock, Logger, TimerHandle } from '@agentwire/core';
import type { Deadlines } from '../deadlines.ts';
import type { Balanced } from './balance.ts';
import { HealthChecks } from './health-checks.ts';
import { TargetHealth } from './target-health.ts';
import { parseUpstream, type UpstreamAddress } from './upstream-address.ts';
import type { UpstreamConfig, UpstreamTarget } from './upstream-config.ts';
import { Upstream, type UpstreamSettings } from './upstream.ts';

/** Settings of a server that the gateway has defaults for. */
export type UpstreamDefaults = Omit<
  UpstreamSettings,
  'address' | 'dialAddress' | 'tls' | 'keepAliveTimeoutMs' | 'protocol' | 'maxStreamsPerConnection' | 'pingIntervalMs'
>;

/** Collaborators of {@link Members}. */
export interface MembersDeps {
  readonly name: string;
  readonly config: UpstreamConfig;
  readonly defaults: UpstreamDefaults;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One server of a group. */
export interface Member extends Balanced {
  readonly upstream: Upstream;
  readonly health: TargetHealth;
  readonly checks: HealthChecks | undefined;
}

interface Source {
  readonly address: UpstreamAddress;
  readonly weight: number;
  members: readonly Member[];
}

/** Servers of a group; those of one name are looked up again and again where that is wanted. */
export class Members {
  readonly #deps: MembersDeps;
  readonly #sources: readonly Source[];
  #all: readonly Member[] = [];
  #timer: TimerHandle;
  #stopped = false;

  constructor(deps: MembersDeps) {
    this.#deps = deps;
    this.#sources = deps.config.targets.map((target) => {
      const { url, weight = 1 }: UpstreamTarget = typeof target === 'string' ? { url: target } : target;
      const address = parseUpstream(url);
      return { address, weight, members: [this.#create(address, weight, undefined)] };
    });
    this.#collect();
    if (deps.config.resolveIntervalMs !== undefined) void this.#resolve(deps.config.resolveIntervalMs);
  }

  /** All servers, in their order. */
  get all(): readonly Member[] {
    return this.#all;
  }

  get host(): string {
    return (this.#sources[0] as Source).address.host;
  }

  #collect(): void {
    this.#all = this.#sources.flatMap(({ members }) => members);
  }

  #create(address: UpstreamAddress, weight: number, dialAddress: string | undefined): Member {
    const { name, config, defaults, deadlines, clock, logger } = this.#deps;
    const { healthCheck, eject = {}, tls, keepAliveTimeoutMs, protocol = 'http1', pingIntervalMs } = config;
    const key = dialAddress === undefined ? address.text : `${address.text} (${dialAddress})`;
    const given = {
      connections: config.connections ?? defaults.connections,
      maxConnectionsPerClient: config.maxConnectionsPerClient ?? defaults.maxConnectionsPerClient,
      connectTimeoutMs: config.connectTimeoutMs ?? defaults.connectTimeoutMs,
      queueTimeoutMs: config.queueTimeoutMs ?? defaults.queueTimeoutMs,
      timeoutMs: config.timeoutMs ?? defaults.timeoutMs,
      idleTimeoutMs: config.idleTimeoutMs ?? defaults.idleTimeoutMs,
    };
    const http2 = { protocol, maxStreamsPerConnection: config.maxStreamsPerConnection ?? 100, pingIntervalMs };
    const settings = { address, dialAddress, tls, keepAliveTimeoutMs, ...http2, ...given };
    const upstream = new Upstream(settings, deadlines);
    const health = new TargetHealth({ upstream: name, target: key, clock, logger, eject, check: healthCheck });
    const checks =
      healthCheck &&
      new HealthChecks({
        settings,
        options: healthCheck,
        clock,
        onResult: (ok, reason) => health.checked(ok, reason),
      });
    return {
      key,
      weight,
      upstream,
      health,
      checks,
      get active() {
        return upstream.active;
      },
    };
  }

  /** Looks up every name, and once more after `intervalMs`. */
  async #resolve(intervalMs: number): Promise<void> {
    await Promise.all(this.#sources.map((source) => this.#resolveOne(source)));
    if (this.#stopped) return;
    this.#timer = this.#deps.clock.setTimeout(() => void this.#resolve(intervalMs), intervalMs);
  }

  async #resolveOne(source: Source): Promise<void> {
    const { address, weight } = source;
    if (address.socketPath !== undefined || isIP(address.hostname.replaceAll(/[[\]]/g, '')) !== 0) return;
    try {
      const found = await (this.#deps.config.lookup ?? lookupAll)(address.hostname);
      if (found.length === 0 || this.#stopped) return;
      const before = new Map(source.members.map((member) => [member.key, member]));
      const after = found.map((ip) => {
        const key = `${address.text} (${ip})`;
        return before.get(key) ?? this.#create(address, weight, ip);
      });
      source.members = after;
      this.#collect();
      for (const member of before.values()) if (!after.includes(member)) retireMember(member);
    } catch (error) {
      const { logger, name } = this.#deps;
      logger.warn(
        { upstream: name, host: address.hostname, err: error },
        'a name of a target could not be looked up; its last addresses stay',
      );
    }
  }

  #stop(): void {
    this.#stopped = true;
    this.#deps.clock.clearTimeout(this.#timer);
    for (const { checks } of this.#all) checks?.stop();
  }

  retire(): void {
    this.#stop();
    for (const member of this.#all) member.upstream.retire();
  }

  async abort(): Promise<void> {
    this.#stop();
    await Promise.all(this.#all.map(({ upstream }) => upstream.abort()));
  }
}

function retireMember({ checks, upstream }: Member): void {
  checks?.stop();
  upstream.retire();
}

async function lookupAll(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
