import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import { streamNames } from './stream-settings.ts';
import { encodeToken, encodeTopic } from './subject-token.ts';
import { nodeToken } from './subject-words.ts';
import { Subjects } from './subjects.ts';

/** Rights of the user of one node on the server; nothing else is needed. */
export interface NodePermissions {
  /** Subjects that it may publish to. */
  readonly publish: readonly string[];
  /** Subjects that it may subscribe to, each with its queue group after a space where it has one. */
  readonly subscribe: readonly string[];
}

/** Rights of a node besides sending to agents of other nodes and answering. */
export interface NodeGrants {
  /** Services that it takes part in, and services that it calls. Default: none. */
  readonly services?: { readonly serve?: readonly string[]; readonly call?: readonly string[] } | undefined;
  /** Topics or patterns that it publishes on, and that it reads. Default: none. */
  readonly topics?: { readonly publish?: readonly string[]; readonly subscribe?: readonly string[] } | undefined;
  /** True for a node that has durable inboxes or sends to those of others. It cannot make streams (`durable: { create: false }`). Default false. */
  readonly durable?: boolean | undefined;
  /** True for a node that answers the discovery of NATS micro services, to inboxes of the default prefix `_INBOX`. Default false. */
  readonly micro?: boolean | undefined;
  /** First word of every subject. Default `a2a`. */
  readonly prefix?: string | undefined;
}

const names = OPTION.listOf(OPTION.text);

const TABLE: OptionTable<NodeGrants> = {
  services: OPTION.nested<NonNullable<NodeGrants['services']>>({ serve: names, call: names }),
  topics: OPTION.nested<NonNullable<NodeGrants['topics']>>({ publish: names, subscribe: names }),
  durable: OPTION.boolean,
  micro: OPTION.boolean,
  prefix: OPTION.text,
};

const MICRO = ['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.>`]);

/**
 * Makes the permissions of a node's user: it publishes under its own name only, and reads what is for it or granted.
 *
 * With them the source in a subject is a fact that the server enforces. A service is granted for its queue group
 * only, so that the node cannot read what another node of the group gets.
 */
export function nodePermissions(nodeId: string, grants: NodeGrants = {}): NodePermissions {
  OPTION.text('nodeId', nodeId);
  checkOptions('nodePermissions', grants, TABLE);
  const { services = {}, topics = {}, durable = false, prefix = 'a2a', micro = false } = grants;
  const node = nodeToken(nodeId);
  const own = `${prefix}.${node}`;
  const subjects = new Subjects(prefix, nodeId);
  const called = (services.call ?? []).map(encodeToken);
  const published = (topics.publish ?? []).map(encodeTopic);
  const { agents, node: itself, replies } = subjects.listening();
  return {
    publish: [
      `${own}.agent.*.*`,
      `${own}.node.*.kernel`,
      `${own}.node.*.broadcast`,
      subjects.hello(),
      subjects.presence(),
      `${own}.node.*.cancel`,
      `${own}.node.*.check`,
      `${own}.node.*.credit`,
      `${own}.node.*.watch`,
      `${own}.node.*.unwatch`,
      `${own}.node.*.exited`,
      `${own}.reply.*.*`,
      ...called.flatMap((service) => [`${own}.service.${service}.*`, `${own}.node.*.service.${service}.*`]),
      ...published.flatMap((topic) => [`${own}.topic.${topic}`, `${own}.node.*.topic.${topic}`]),
      ...(micro ? ['_INBOX.>'] : []),
      ...(durable
        ? [
            `${own}.inbox.*.*`,
            `${own}.inbox.*.*.high`,
            `${own}.later.*.*`,
            `${own}.node.*.unschedule`,
            `${own}.dead.*.*`,
            ...streamSubjects(prefix, nodeId),
          ]
        : []),
    ],
    subscribe: [
      agents,
      itself,
      replies,
      subjects.anyPresence(),
      ...(micro ? MICRO : []),
      ...(services.serve ?? []).map((service) => `${subjects.anyService(service)} ${encodeToken(service)}`),
      ...(topics.subscribe ?? []).map((topic) => subjects.anyTopic(topic)),
      `_INBOX_${node}.>`,
    ],
  };
}

/** Writes permissions as the `permissions` block of a user in a `nats-server` configuration. */
export function formatPermissions({ publish, subscribe }: NodePermissions): string {
  const list = (subjects: readonly string[]): string => subjects.map((subject) => JSON.stringify(subject)).join(', ');
  return `permissions: { publish: { allow: [${list(publish)}] }, subscribe: { allow: [${list(subscribe)}] } }`;
}

function streamSubjects(prefix: string, nodeId: string): string[] {
  const { inbox, dead, later } = streamNames(prefix, nodeId);
  return [
    `$JS.API.STREAM.INFO.${dead}`,
    ...[inbox, later].flatMap((stream) => [
      `$JS.API.STREAM.INFO.${stream}`,
      `$JS.API.CONSUMER.CREATE.${stream}.>`,
      `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.>`,
      `$JS.API.CONSUMER.INFO.${stream}.*`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
      `$JS.ACK.${stream}.>`,
    ]),
    ...[dead, later].flatMap((stream) => [`$JS.API.STREAM.MSG.GET.${stream}`, `$JS.API.STREAM.MSG.DELETE.${stream}`]),
  ];
}
