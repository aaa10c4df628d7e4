import { AgentwireError } from '@agentwire/core';
import type { Deadlines } from '../deadlines.ts';
import type { ResolvedGatewayOptions } from '../options/resolve-options.ts';
import { parseUpstream } from './upstream-address.ts';
import type { UpstreamConfig } from './upstream-config.ts';
import type { UpstreamDefaults } from './members.ts';
import { type TargetStats, UpstreamGroup } from './upstream-group.ts';
import { sumUsage, type UpstreamSender, type UpstreamUsage } from './upstream-messages.ts';
import { Upstream } from './upstream.ts';

interface Entry {
  /** Settings that it was made of, to tell whether a reload changed it. */
  readonly made: string;
  readonly sender: UpstreamSender;
  /** Plans that use it. */
  holders: number;
}

const secretOf = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;

/** Upstreams of a gateway by name or address, each made when a route needs it. */
export class Upstreams {
  readonly #options: ResolvedGatewayOptions;
  readonly #defaults: UpstreamDefaults;
  readonly #deadlines: Deadlines;
  #before: ReadonlyMap<string, Entry> | undefined;
  readonly #byName = new Map<string, Entry>();

  /** @param before those of the plan that is replaced */
  constructor(options: ResolvedGatewayOptions, deadlines: Deadlines, before?: Upstreams) {
    this.#options = options;
    this.#deadlines = deadlines;
    if (before !== undefined) this.#before = before.#byName;
    this.#defaults = {
      connections: options.upstreamConnections,
      maxConnectionsPerClient: options.maxUpstreamConnectionsPerClient,
      connectTimeoutMs: options.upstreamConnectTimeoutMs,
      queueTimeoutMs: options.upstreamQueueTimeoutMs,
      timeoutMs: options.upstreamTimeoutMs,
      idleTimeoutMs: options.upstreamIdleTimeoutMs,
    };
  }

  /** Returns the upstream of that name or address; the gateway's own by default. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
  get(name: string | undefined): UpstreamSender {
    const key = name ?? this.#options.upstream;
    if (key === undefined)
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a gateway without routes needs an upstream');
    const known = this.#byName.get(key);
    if (known !== undefined) return known.sender;
    const entry = this.#make(key, this.#options.upstreams[key]);
    entry.holders += 1;
    this.#byName.set(key, entry);
    return entry.sender;
  }

  /** The gateway's own upstream, else the first one. */
  get first(): UpstreamSender {
    const [entry] = this.#byName.values();
    return this.#options.upstream === undefined && entry !== undefined ? entry.sender : this.get(undefined);
  }

  #make(key: string, config: UpstreamConfig | undefined): Entry {
    const made = JSON.stringify([config, this.#defaults], secretOf);
    const kept = this.#before?.get(key);
    if (kept?.made === made) return kept;
    const { clock, logger } = this.#options;
    const deadlines = this.#deadlines;
    if (config !== undefined)
      return {
        made,
        holders: 0,
        sender: new UpstreamGroup({ name: key, config, defaults: this.#defaults, deadlines, clock, logger }),
      };
    const plain = {
      dialAddress: undefined,
      tls: undefined,
      keepAliveTimeoutMs: undefined,
      protocol: 'http1' as const,
      maxStreamsPerConnection: 1,
      pingIntervalMs: undefined,
    };
    return {
      made,
      holders: 0,
      sender: new Upstream({ address: parseUpstream(key), ...plain, ...this.#defaults }, deadlines),
    };
  }

  #senders(): UpstreamSender[] {
    return Array.from(this.#byName.values(), ({ sender }) => sender);
  }

  /** `true` while requests wait for a connection to any of them. */
  get contended(): boolean {
    for (const { sender } of this.#byName.values()) if (sender.contended) return true;
    return false;
  }

  /** Connections of all of them, and requests that wait for one. */
  get usage(): UpstreamUsage {
    return sumUsage(this.#senders().map((sender) => sender.usage));
  }

  /** Targets of named upstreams. */
  get stats(): Readonly<Record<string, readonly TargetStats[]>> {
    const groups = [...this.#byName].flatMap(([name, { sender }]) =>
      sender instanceof UpstreamGroup ? [[name, sender.stats] as const] : [],
    );
    return Object.fromEntries(groups);
  }

  /** Forgets the plan before, whose unchanged upstreams were taken over. */
  seal(): void {
    this.#before = undefined;
  }

  /** Ends those that no other plan uses; there must be no new requests. */
  release(): void {
    for (const entry of this.#byName.values()) {
      entry.holders -= 1;
      if (entry.holders === 0) entry.sender.retire();
    }
  }

  /** Ends all now. */
  async abort(): Promise<void> {
    await Promise.all(this.#senders().map((sender) => sender.abort()));
  }
}
