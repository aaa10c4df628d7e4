import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { NatsBackend, NodePresence } from '@agentwire/a2a-nats';
import { type A2AEndpoint, createA2ARouter } from '@agentwire/a2a-router';
import { type Command, InvalidArgumentError } from 'commander';
import { leaveAfter } from '../signals.ts';
import { type CredentialFlags, readCredentials } from './a2a-credentials.ts';

/** Flags of every command that takes part as a node. */
export interface NodeFlags extends CredentialFlags {
  readonly prefix: string;
  readonly node?: string;
  readonly json?: boolean;
}

/** Joins as a node while `work` runs, and leaves gracefully. */
export async function asNode<T>(
  url: string,
  flags: NodeFlags,
  example: string,
  work: (agent: A2AEndpoint, backend: NatsBackend) => Promise<T>,
): Promise<T> {
  // loaded here, because no other command needs a NATS client
  const { createNatsAuth, createNatsBackend } = await import('@agentwire/a2a-nats');
  const auth = createNatsAuth(readCredentials(flags, example));
  const nodeId = flags.node ?? `cli-${randomBytes(6).toString('hex')}`;
  const backend = await createNatsBackend({ nodeId, servers: url, auth, prefix: flags.prefix });
  // accepts answers of any node; nothing else has a recipient here
  const router = createA2ARouter({ backend, acceptRemote: () => ({}) });
  const leave = async (): Promise<void> => {
    await router.close();
    await backend.close();
  };
  return leaveAfter(leave, () => work(router.register(router.processTable.insert({ agentId: 'cli' })), backend));
}

/** Lists the nodes that announced themselves within a time, without this one. */
export async function othersThere(backend: NatsBackend, waitMs: number): Promise<NodePresence[]> {
  await backend.flush();
  await wait(waitMs);
  return backend.nodes().slice(1);
}

/** Adds the flags of {@link NodeFlags} other than credentials. */
export function addNodeFlags(command: Command): Command {
  return command
    .option('--prefix <word>', 'first word of every subject', 'a2a')
    .option(
      '--node <name>',
      'name of the node to speak as; the server must let the user have it (default: cli-<random>)',
    )
    .option('--json', 'one JSON document');
}

/** Reads a number of milliseconds. */
export function milliseconds(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= 86_400_000) return value;
  throw new InvalidArgumentError('it must be a whole number of milliseconds, 1 to 86400000.');
}
