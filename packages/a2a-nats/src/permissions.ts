import { streamNames } from './durable-streams.ts';
import { encodeToken } from './subjects.ts';

/** What a server must allow the user of one node, and nothing else. */
export interface NodePermissions {
  /** Subjects that it may publish to. */
  readonly publish: readonly string[];
  /** Subjects that it may subscribe to. */
  readonly subscribe: readonly string[];
}

/**
 * The permissions of a node's user: it publishes under its own name only, and reads what is for it.
 *
 * With them the source in a subject is a fact that the server enforces. With `durable` the node may also use its
 * own durable inboxes, but not make their streams (`durable: { create: false }`).
 */
export function nodePermissions(
  nodeId: string,
  options: { readonly prefix?: string; readonly durable?: boolean } = {},
): NodePermissions {
  const { prefix = 'a2a', durable = false } = options;
  const node = encodeToken(nodeId);
  const { inbox, dead } = streamNames(prefix, nodeId);
  const ofStreams = [
    `$JS.API.STREAM.INFO.${inbox}`,
    `$JS.API.STREAM.INFO.${dead}`,
    `$JS.API.CONSUMER.CREATE.${inbox}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${inbox}.>`,
    `$JS.API.CONSUMER.INFO.${inbox}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${inbox}.*`,
    `$JS.ACK.${inbox}.>`,
    `$JS.API.STREAM.MSG.GET.${dead}`,
    `$JS.API.STREAM.MSG.DELETE.${dead}`,
  ];
  return {
    publish: [`${prefix}.${node}.>`, ...(durable ? ofStreams : [])],
    subscribe: [
      `${prefix}.*.agent.${node}.*`,
      `${prefix}.*.node.${node}`,
      `${prefix}.*.reply.${node}.*`,
      `${prefix}.*.topic.>`,
      `${prefix}.*.service.*`,
      `_INBOX_${node}.>`,
    ],
  };
}

/** Writes permissions as the `permissions` block of a user in a `nats-server` configuration. */
export function formatPermissions({ publish, subscribe }: NodePermissions): string {
  const list = (subjects: readonly string[]): string => subjects.map((subject) => JSON.stringify(subject)).join(', ');
  return `permissions: { publish: { allow: [${list(publish)}] }, subscribe: { allow: [${list(subscribe)}] } }`;
}
