import { AgentwireError } from '@agentwire/core';
import { atMost, checkKnownOptions, checkNumber, checkText, OPTION } from '@agentwire/core/internal';
import type { AskOptions, ProxySession } from '@agentwire/core/session';
import type { ResolvedPoolOptions } from '../options.ts';
import type { PooledConnection } from './pooled-connection.ts';

/** Configuration for an agent. */
export interface ConfigPush {
  /** Any JSON value, in the agent's own shape. */
  readonly config: unknown;
  /** Name of this configuration; agents get it as `configVersion`. */
  readonly version: string;
}

/** Answer of one connection of an agent to a {@link ConfigPush}. */
export interface InstanceConfigResult {
  /** Number of the connection, as `getConnectionHealth` gives it. */
  readonly connection: number;
  readonly outcome: 'accepted' | 'refused' | 'failed';
  /** Reason of the agent for `refused`, where it gave one. */
  readonly reason?: string | undefined;
  /** Error for `failed`: the agent neither accepted nor refused. */
  readonly error?: AgentwireError;
  readonly durationMs: number;
}

/** Result of a {@link ConfigPush} to one agent. */
export interface ConfigPushResult {
  readonly agent: string;
  readonly version: string;
  /** `true` where every connection that was asked accepted. */
  readonly accepted: boolean;
  /** One for each connection that was asked; several of them may reach the same process. */
  readonly instances: readonly InstanceConfigResult[];
}

/** Pushes to one agent that may wait for one another. */
const MAX_WAITING = 16;
const MAX_REASON_LENGTH = 1024;

/** Parts of an agent that {@link ConfigPushes} uses. */
export interface ConfigPushesDeps {
  readonly agent: string;
  readonly options: ResolvedPoolOptions;
  readonly connections: readonly PooledConnection[];
  /** Called before a configuration is sent on a connection, and once it was answered. */
  readonly onSend: () => void;
  /** Error of an agent that is being stopped. */
  readonly refusal: () => AgentwireError | undefined;
}

/**
 * Sends configurations to each connection of one agent, because any of them may lead to another process. The last configuration that
 * was accepted is sent again on each connection that is made later.
 */
export class ConfigPushes {
  readonly #deps: ConfigPushesDeps;
  #accepted: ConfigPush | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(deps: ConfigPushesDeps) {
    this.#deps = deps;
  }

  /** Version of the last configuration that was accepted. */
  get version(): string | undefined {
    return this.#accepted?.version;
  }

  /**
   * Sends a configuration and resolves when at least one connection has acknowledged or refused it, and the others too or not in time.
   * Pushes to one agent run one after the other.
   *
   * @throws AgentwireError `ERR_UNSUPPORTED` for an agent that takes none, `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_OVERLOADED`, `ERR_DRAINING`,
   * `ERR_CLOSED`, `ERR_ABORTED`, `ERR_MESSAGE_TOO_LARGE`, `ERR_INVALID_ARGUMENT`
   */
  async push(push: ConfigPush, options: AskOptions = {}): Promise<ConfigPushResult> {
    const update = checkedPush(push);
    const { clock, requestTimeoutMs } = this.#deps.options;
    const timeoutMs = checkedTimeout(options) ?? requestTimeoutMs;
    this.#targets();
    if (this.#waiting >= MAX_WAITING)
      throw new AgentwireError('ERR_OVERLOADED', `${MAX_WAITING} configurations for ${this.#deps.agent} wait`);
    this.#waiting += 1;
    const until = clock.now() + timeoutMs;
    const before = this.#last;
    const result = atMost(clock, timeoutMs, before).then(() => {
      const restMs = until - clock.now();
      if (restMs > 0 || this.#waiting === 1)
        return this.#sendToAll(update, { ...options, timeoutMs: Math.max(0, restMs) });
      throw new AgentwireError('ERR_TIMEOUT', `another configuration for ${this.#deps.agent} took ${timeoutMs} ms`);
    });
    const done = (): void => void (this.#waiting -= 1);
    this.#last = result.then(done, done);
    return result;
  }

  /** Sends the last accepted configuration on a connection that has just been made. */
  onUp(connection: PooledConnection): void {
    if (this.#accepted !== undefined) void this.#sendAgain(connection, this.#accepted);
  }

  /** Returns the connections to ask. @throws AgentwireError `ERR_UNSUPPORTED`, `ERR_CONNECT`, `ERR_DRAINING`, `ERR_CLOSED` */
  #targets(): PooledConnection[] {
    const { agent, connections } = this.#deps;
    const refusal = this.#deps.refusal();
    if (refusal !== undefined) throw refusal;
    const up = connections.filter(({ session }) => session?.connection.status === 'open' && !session.draining);
    if (up.length === 0)
      throw new AgentwireError('ERR_CONNECT', `${agent} is not connected, so it gets no configuration`);
    const able = up.filter(takesConfig);
    if (able.length > 0) return able;
    throw new AgentwireError('ERR_UNSUPPORTED', `${agent} takes no configuration: it did not announce config_push`);
  }

  async #sendToAll(update: ConfigPush, options: AskOptions): Promise<ConfigPushResult> {
    const { agent } = this.#deps;
    const { version } = update;
    const targets = this.#targets();
    const asked = new Set(targets.map(({ session }) => session));
    const instances = await Promise.all(targets.map((connection) => this.#send(connection, update, options)));
    const errors = instances.flatMap(({ error }) => error ?? []);
    if (errors.length === instances.length && errors[0] !== undefined) throw errors[0];
    const outcomes = new Set(instances.map(({ outcome }) => outcome));
    if (outcomes.has('accepted') && !outcomes.has('refused')) this.#remember(update, asked);
    return { agent, version, accepted: outcomes.size === 1 && outcomes.has('accepted'), instances };
  }

  /** Makes it the configuration of connections that come later, and of those that came while it was sent and got the one before. */
  #remember(update: ConfigPush, asked: ReadonlySet<ProxySession | undefined>): void {
    this.#accepted = update;
    for (const connection of this.#deps.connections)
      if (!asked.has(connection.session)) void this.#sendAgain(connection, update);
  }

  async #sendAgain(connection: PooledConnection, update: ConfigPush): Promise<void> {
    if (this.#deps.refusal() === undefined && takesConfig(connection)) await this.#send(connection, update, {});
  }

  /** Sends a configuration on one connection; never rejects. */
  async #send(connection: PooledConnection, update: ConfigPush, options: AskOptions): Promise<InstanceConfigResult> {
    const { clock, logger, metrics } = this.#deps.options;
    const { agent } = this.#deps;
    const since = clock.now();
    this.#deps.onSend();
    const result = { connection: connection.id, ...(await this.#ask(connection, update, options)) };
    this.#deps.onSend();
    const { outcome, reason, error } = result;
    metrics.count('agent_config_pushes_total', { agent, outcome });
    const fields = { agent, connection: connection.id, version: update.version, reason, code: error?.code };
    if (outcome === 'accepted') logger.info(fields, 'an agent accepted a configuration');
    else logger.warn(fields, 'an agent did not accept a configuration');
    return { ...result, durationMs: clock.now() - since };
  }

  async #ask(
    connection: PooledConnection,
    update: ConfigPush,
    options: AskOptions,
  ): Promise<Pick<InstanceConfigResult, 'outcome' | 'reason' | 'error'>> {
    try {
      const { config, version: configVersion } = update;
      const { verdict } = await connection.request({ type: 'configure', config, configVersion }, options);
      if (verdict.type !== 'allow')
        return {
          outcome: 'refused',
          reason: verdict.type === 'block' ? verdict.body?.slice(0, MAX_REASON_LENGTH) : undefined,
        };
      return { outcome: 'accepted' };
    } catch (error) {
      return { outcome: 'failed', error: error as AgentwireError };
    }
  }
}

/** Returns whether the agent accepts configurations on this connection. */
function takesConfig({ session }: PooledConnection): boolean {
  return session?.connection.peer.accepts.has('configure') === true;
}

/** Returns a copy of a configuration, which is sent again later. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
function checkedPush(push: ConfigPush): ConfigPush {
  checkKnownOptions('pushConfig', push, ['config', 'version']);
  const version = checkText('version', push.version);
  if (push.config === undefined) throw new AgentwireError('ERR_INVALID_ARGUMENT', 'pushConfig needs a config');
  try {
    return { config: structuredClone(push.config), version };
  } catch {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'config must be a JSON value');
  }
}

/** Checks the options of a push. @throws AgentwireError `ERR_INVALID_ARGUMENT`, `ERR_ABORTED` */
function checkedTimeout(options: AskOptions): number | undefined {
  checkKnownOptions('pushConfig', options, ['signal', 'timeoutMs']);
  const { signal, timeoutMs } = options;
  if (timeoutMs !== undefined) checkNumber('timeoutMs', timeoutMs, 0, 86_400_000);
  if (signal === undefined) return timeoutMs;
  OPTION.signal('signal', signal);
  if (signal.aborted) throw new AgentwireError('ERR_ABORTED', 'the push was aborted', { cause: signal.reason });
  return timeoutMs;
}
