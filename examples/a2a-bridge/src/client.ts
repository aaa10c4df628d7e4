import { randomUUID } from 'node:crypto';
import { type Message, Role, type SendMessageRequest, type Task, type TaskPushNotificationConfig } from '@a2a-js/sdk';
import { type Client, ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from '@a2a-js/sdk/client';

/** Connects the SDK's client with a token. */
export function connect(url: string, token: string): Promise<Client> {
  const fetchImpl: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };
  return new ClientFactory({
    transports: [new JsonRpcTransportFactory({ fetchImpl })],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  }).createFromUrl(url);
}

/** Options of a message. */
export interface Sending {
  readonly skill: string;
  readonly taskId?: string;
  readonly notify?: string;
}

/** A message of one text. */
export function message(text: string, { skill, taskId = '', notify }: Sending): SendMessageRequest {
  const part = {
    content: { $case: 'text' as const, value: text },
    mediaType: 'text/plain',
    filename: '',
    metadata: undefined,
  };
  const receiver: TaskPushNotificationConfig | undefined =
    notify === undefined
      ? undefined
      : { tenant: '', id: '', taskId: '', url: notify, token: 'hook-token', authentication: undefined };
  return {
    tenant: '',
    message: {
      messageId: randomUUID(),
      role: Role.ROLE_USER,
      parts: [part],
      taskId,
      contextId: '',
      metadata: { skill },
      extensions: [],
      referenceTaskIds: [],
    },
    configuration: { acceptedOutputModes: [], taskPushNotificationConfig: receiver, returnImmediately: false },
    metadata: undefined,
  };
}

/** Task of an answer. */
export function task(answer: Message | Task): Task {
  if (!('status' in answer)) throw new Error('the answer is a message');
  return answer;
}

/** Text of a task's status message. */
export const statusText = ({ status }: Task): string => String(status?.message?.parts[0]?.content?.value ?? '');
