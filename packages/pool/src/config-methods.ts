import type { AgentwireError } from '@agentwire/core';
import type { AskOptions } from '@agentwire/core/session';
import type { ConfigPush, ConfigPushResult } from './agent/config-pushes.ts';
import type { AgentTable } from './agent-table.ts';
import { StickySessionMethods } from './sticky-session-methods.ts';

/** Outcome of `pushConfigToAll` for one agent: a result or an error. */
export type AgentConfigPush =
  | { readonly agent: string; readonly result: ConfigPushResult }
  | { readonly agent: string; readonly error: AgentwireError };

/** Methods that send configurations to agents. */
export abstract class ConfigMethods extends StickySessionMethods {
  /** Agents of the pool. */
  protected abstract readonly agentTable: AgentTable;

  /**
   * Sends a configuration on every connection of an agent, because any of them may lead to another process, and resolves to what each one
   * answered. It is sent again on each connection that is made later, if one accepted it and none refused it.
   *
   * @param options `timeoutMs` for the whole push, default `requestTimeoutMs`
   * @throws AgentwireError when no connection acknowledges or refuses it: `ERR_UNSUPPORTED` at once for an agent that takes none, or cannot
   * acknowledge it, `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_OVERLOADED` past 16 pushes that wait, `ERR_DRAINING`, `ERR_CLOSED`, `ERR_ABORTED`,
   * `ERR_MESSAGE_TOO_LARGE`, `ERR_UNKNOWN_AGENT`, `ERR_INVALID_ARGUMENT`
   */
  async pushConfig(agent: string, update: ConfigPush, options?: AskOptions): Promise<ConfigPushResult> {
    return this.agentTable.get(agent).configs.push(update, options);
  }

  /** Sends a configuration to every agent, as {@link pushConfig}; resolves to the result, or the error, of each. */
  pushConfigToAll(update: ConfigPush, options?: AskOptions): Promise<readonly AgentConfigPush[]> {
    const pushes = Array.from(this.agentTable.all(), ({ name, configs }) =>
      configs.push(update, options).then(
        (result) => ({ agent: name, result }),
        (error: AgentwireError) => ({ agent: name, error }),
      ),
    );
    return Promise.all(pushes);
  }
}
