import {
  type A2AEndpoint,
  type A2ARouter,
  type AgentCapabilities,
  createA2ARouter,
  type ReceivedMessage,
} from '@agentwire/a2a-router';
import type { RouterSettings } from '@agentwire/a2a-router/internal';
import { createNatsBackend, type NatsBackend, type NatsBackendOptions } from '../src/index.ts';

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
