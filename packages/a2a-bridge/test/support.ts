import { randomUUID } from 'node:crypto';
import { type Message, type Part, Role, type SendMessageRequest, type Task } from '@a2a-js/sdk';
import { type Client, ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from '@a2a-js/sdk/client';
import { type A2AEndpoint, type A2ARouter, createA2ARouter, type MessageHandler, scope } from '@agentwire/a2a-router';
import { onTestFinished } from 'vitest';
import { type A2ABridge, type A2ABridgeOptions, createA2ABridge } from '../src/index.ts';

/** A router with a service, a bridge in front of it on a real port, and two callers by bearer token. */
export interface Setup {
  readonly router: A2ARouter;
  readonly worker: A2AEndpoint;
  readonly bridge: A2ABridge;
  readonly url: string;
  readonly alice: number;
  readonly bob: number;
}

/** Starts everything with a handler of the service `oracle`; `alice` may reach all, `bob` nothing. */
export async function setup(
  handler: MessageHandler,
  options: Partial<A2ABridgeOptions> = {},
  methods?: readonly string[],
): Promise<Setup> {
  const router = createA2ARouter();
  const table = router.processTable;
  const worker = router.register(table.insert({ agentId: 'worker', capabilities: { ipcScope: scope.none } }));
  worker.provide('oracle', methods === undefined ? {} : { methods });
  void worker.serve(handler, { concurrency: 100 });
  const alice = table.insert({ agentId: 'alice' });
  const bob = table.insert({ agentId: 'bob', capabilities: { ipcScope: scope.none } });
  const callers = new Map([
    ['Bearer alice', { user: 'alice', pid: alice }],
    ['Bearer bob', { user: 'bob', pid: bob }],
  ]);
  const bridge = createA2ABridge(router, {
    service: 'oracle',
    authenticate: (request) => callers.get(request.headers.authorization ?? ''),
    ...options,
  });
  onTestFinished(async () => {
    await bridge.close();
    await router.close();
  });
  return { router, worker, bridge, url: await bridge.listen(), alice, bob };
}

/** Makes the SDK's own client for a bridge. */
export function connect(url: string, user = 'alice'): Promise<Client> {
  const fetchImpl: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${user}`);
    return fetch(input, { ...init, headers });
  };
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory({ fetchImpl })],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  });
  return factory.createFromUrl(url);
}

/** A message of the user. */
export function say(
  text: string,
  more: Partial<Message> = {},
  configuration?: Partial<NonNullable<SendMessageRequest['configuration']>>,
): SendMessageRequest {
  return {
    tenant: '',
    message: {
      messageId: randomUUID(),
      role: Role.ROLE_USER,
      parts: [textPart(text)],
      taskId: '',
      contextId: '',
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
      ...more,
    },
    configuration:
      configuration === undefined
        ? undefined
        : {
            acceptedOutputModes: [],
            taskPushNotificationConfig: undefined,
            returnImmediately: false,
            ...configuration,
          },
    metadata: undefined,
  };
}

export const textPart = (value: string): Part => ({
  content: { $case: 'text', value },
  mediaType: 'text/plain',
  filename: '',
  metadata: undefined,
});

/** The task of an answer. */
export function taskOf(answer: Message | Task): Task {
  if (!('status' in answer)) throw new Error('the answer is a message');
  return answer;
}

/** Text of the parts of a task's results. */
export const resultOf = (task: Task): unknown[] =>
  task.artifacts.flatMap(({ parts }) => parts.map(({ content }) => content?.value as unknown));

/** Text of a task's status message. */
export const saidBy = (task: Task): unknown => task.status?.message?.parts[0]?.content?.value as unknown;

/** A promise and the function that resolves it. */
export const gate = (): { readonly opened: Promise<void>; readonly open: () => void } => {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
};
