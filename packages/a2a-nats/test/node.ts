import {
  type A2AEndpoint,
  type A2ARouter,
  type AgentCapabilities,
  createA2ARouter,
  type ReceivedMessage,
} from '@agentwire/a2a-router';
import type { RouterSettings } from '@agentwire/a2a-router/internal';
import { afterEach } from 'vitest';
import { createNatsBackend, type NatsBackend, type NatsBackendOptions } from '../src/index.ts';
import { startServer, type TestServer } from './server.ts';

/** A node of a test: a backend, its router and its agents. */
export interface TestNode {
  readonly backend: NatsBackend;
  readonly router: A2ARouter;
  readonly add: (agentId: string, capabilities?: Partial<AgentCapabilities>) => A2AEndpoint;
  readonly close: () => Promise<void>;
}

export async function startNode(
  nodeId: string,
  servers: string | readonly string[],
  options: Partial<NatsBackendOptions> = {},
  settings: RouterSettings = {},
): Promise<TestNode> {
  const backend = await createNatsBackend({ nodeId, servers, ...options });
  const unlimited = { maxMessages: Infinity };
  const router = createA2ARouter({ backend, acceptRemote: () => unlimited, ...settings });
  return {
    backend,
    router,
    add: (agentId, capabilities = {}) =>
      router.register(
        router.processTable.insert({ agentId, capabilities: { maxMessages: Infinity, ...capabilities } }),
      ),
    close: async () => {
      await router.close();
      await backend.close();
    },
  };
}

/** Nodes and servers that a test starts; they end after it, nodes first and the newest of them first, also when one of them fails to end. */
export interface Started {
  /** Starts a node, and with `flush` waits until the server knows what it listens to. */
  readonly start: typeof startNode;
  /** Starts a server of the test's own. */
  readonly serve: (config?: string) => Promise<TestServer>;
  /** Takes what was started in another way: it ends after the nodes. */
  readonly afterNodes: (end: () => Promise<void>) => void;
  /** Ends everything now. */
  readonly close: () => Promise<void>;
}

/** Settings of {@link startedInEachTest}. */
export interface StartedSettings {
  /** Waits for the server after each start. */
  readonly flush?: boolean;
  /** Takes it for no failure of a test that a node does not end cleanly, because the test took its connection. */
  readonly mayFail?: boolean;
}

/** Gives the tests of a `describe` what each of them starts and need not end. */
export function startedInEachTest({ flush = false, mayFail = false }: StartedSettings = {}): Started {
  let nodes = new AsyncDisposableStack();
  let others = new AsyncDisposableStack();
  const close = async (): Promise<void> => {
    const [openNodes, openOthers] = [nodes, others];
    [nodes, others] = [new AsyncDisposableStack(), new AsyncDisposableStack()];
    try {
      await openNodes.disposeAsync();
    } finally {
      await openOthers.disposeAsync();
    }
  };
  afterEach(close);
  return {
    start: async (...args) => {
      const node = await startNode(...args);
      nodes.defer(() => (mayFail ? node.close().catch(() => undefined) : node.close()));
      if (flush) await node.backend.flush();
      return node;
    },
    serve: async (config) => {
      const server = await startServer(config);
      others.defer(() => server.stop());
      return server;
    },
    afterNodes: (end) => others.defer(end),
    close,
  };
}

/** Answers everything that an agent gets. */
export async function answerAll(
  agent: A2AEndpoint,
  answer: (message: ReceivedMessage) => Parameters<ReceivedMessage['reply']>[0],
): Promise<void> {
  for await (const message of agent.inbox) await message.reply(answer(message)).catch(() => undefined);
}

/** Waits until something holds; gives up with the test's own time. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}
