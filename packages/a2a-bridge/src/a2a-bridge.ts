import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AGENT_CARD_PATH, AgentCard } from '@a2a-js/sdk';
import type { A2ARouter } from '@agentwire/a2a-router';
import { AgentwireError } from '@agentwire/core';
import { listenError } from '@agentwire/core/internal';
import { agentCard } from './agent-card.ts';
import { type A2ABridgeOptions, type ResolvedBridgeOptions, resolveBridgeOptions } from './bridge-options.ts';
import { BridgeRequestHandler } from './bridge-request-handler.ts';
import { rpcFailure, sendJson } from './http/rpc-answer.ts';
import { RpcEndpoint } from './http/rpc-endpoint.ts';
import { PushConfigs } from './push/push-configs.ts';
import { PushSender } from './push/push-sender.ts';
import { RouterExecutor } from './run/router-executor.ts';
import { WatchedTaskStore } from './tasks/watched-task-store.ts';

/** Address on which a bridge listens. */
export interface ListenOptions {
  /** Port; 0 chooses one. Default 0. */
  readonly port?: number | undefined;
  /** Address. Default `127.0.0.1`. */
  readonly host?: string | undefined;
}

const CARD_PATH = `/${AGENT_CARD_PATH}`;

/** The public A2A protocol, version 1.0 as JSON-RPC over HTTP, in front of one service of a router. */
export class A2ABridge {
  readonly #router: A2ARouter;
  readonly #options: ResolvedBridgeOptions;
  readonly #executor: RouterExecutor;
  readonly #endpoint: RpcEndpoint;
  readonly #tasks: WatchedTaskStore;
  readonly #path: string;
  readonly #open = new Set<ServerResponse>();
  #url: string;
  #server: Server | undefined;
  #closing: Promise<void> | undefined;

  constructor(router: A2ARouter, options: A2ABridgeOptions) {
    this.#router = router;
    this.#options = resolveBridgeOptions(options);
    this.#url = this.#options.url ?? 'http://127.0.0.1/';
    this.#path = new URL(this.#url).pathname;
    this.#executor = new RouterExecutor(router, this.#options);
    this.#tasks = new WatchedTaskStore(this.#options.taskStore, (taskId, error) => this.#executor.abort(taskId, error));
    const { push: pushOptions, clock, logger } = this.#options;
    const configs = pushOptions === undefined ? undefined : new PushConfigs(pushOptions);
    const push =
      configs === undefined || pushOptions === undefined
        ? undefined
        : { configs, sender: new PushSender({ configs, options: pushOptions, clock, logger }) };
    const card = this.card;
    const tasks = this.#tasks;
    const handler = new BridgeRequestHandler({ card, options: this.#options, executor: this.#executor, tasks, push });
    this.#endpoint = new RpcEndpoint({ options: this.#options, handler, card });
  }

  /** Agent card as it is now: skills follow the methods of the service. */
  get card(): AgentCard {
    return agentCard(this.#options, this.#router.serviceRegistry, this.#url);
  }

  /** Messages that handlers work on. */
  get activeTasks(): number {
    return this.#executor.size;
  }

  /** Handles a request of `node:http` or Express: the agent card at its well-known path, and calls. Never throws. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname } = URL.parse(request.url ?? '/', 'http://localhost') ?? { pathname: '' };
    response.on('error', () => undefined);
    if (this.#closing !== undefined) {
      sendJson(response, 503, { error: 'this agent is closing' }, { connection: 'close' });
    } else if (pathname === CARD_PATH && (request.method === 'GET' || request.method === 'HEAD')) {
      sendJson(response, 200, AgentCard.toJSON(this.card), { 'cache-control': 'public, max-age=60' });
    } else if (pathname !== this.#path) {
      sendJson(response, 404, { error: `calls go to ${this.#path}, the agent card is at ${CARD_PATH}` });
    } else if (request.method === 'POST') {
      this.#post(request, response);
    } else {
      sendJson(response, 405, { error: 'calls are POST requests' }, { allow: 'POST' });
    }
  };

  /** Starts a server of its own and resolves to the URL of the endpoint. @throws `ERR_INVALID_STATE` when it listens already, `ERR_CONNECT` */
  listen({ port = 0, host = '127.0.0.1' }: ListenOptions = {}): Promise<string> {
    if (this.#server !== undefined || this.#closing !== undefined)
      throw new AgentwireError('ERR_INVALID_STATE', 'the bridge listens already, or is closed');
    const server = createServer({ headersTimeout: 10_000, maxHeaderSize: 16 * 1024 }, this.handle);
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        this.#server = undefined;
        reject(listenError(error, `${host}:${port}`));
      });
      server.listen(port, host, () => {
        const { port: chosen, address, family } = server.address() as AddressInfo;
        const local = `http://${family === 'IPv6' ? `[${address}]` : address}:${chosen}${this.#path}`;
        if (this.#options.url === undefined) this.#url = local;
        resolve(local);
      });
    });
  }

  /** Fails the tasks that are being worked on with `ERR_CLOSED`, waits until they are stored, and ends every connection; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #post(request: IncomingMessage, response: ServerResponse): void {
    this.#open.add(response);
    response.once('close', () => this.#open.delete(response));
    this.#endpoint.post(request, response).catch((error: unknown) => {
      this.#options.logger.error({ error }, 'a request failed');
      sendJson(response, 500, rpcFailure(null, { code: -32603, message: 'internal error' }));
      if (!response.writableEnded) response.destroy();
    });
  }

  async #close(): Promise<void> {
    await this.#executor.close();
    await this.#kept();
    await this.#drained();
    const server = this.#server;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  /** Waits until the ends of tasks are stored, five seconds at most. */
  async #kept(): Promise<void> {
    const { clock } = this.#options;
    const late = Promise.withResolvers<void>();
    const timer = clock.setTimeout(late.resolve, 5000);
    await Promise.race([this.#tasks.idle(), late.promise]);
    clock.clearTimeout(timer);
  }

  /** Answers of tasks that have just ended are on their way; a client that does not read gets a second. */
  #drained(): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const done = (): void => {
        clock.clearTimeout(timer);
        for (const response of this.#open) response.destroy();
        resolve();
      };
      const timer = clock.setTimeout(done, 1000);
      const look = (): void => {
        if (this.#open.size === 0) done();
      };
      for (const response of this.#open) response.once('close', () => setImmediate(look));
      look();
    });
  }
}

/**
 * Puts the public A2A protocol in front of a service of a router.
 *
 * Without `authenticate` or `anonymous` every caller is refused. @throws `ERR_INVALID_ARGUMENT` for options that cannot be
 */
export function createA2ABridge(router: A2ARouter, options: A2ABridgeOptions): A2ABridge {
  return new A2ABridge(router, options);
}
