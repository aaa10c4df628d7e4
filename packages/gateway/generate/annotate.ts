import type { OptionSchema } from '@agentwire/core/internal';
import { readDocComments } from './doc-comments.ts';

/** Types of the members that are objects: where the doc comments of their members stand. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  '': ['GatewayFile'],
  accessLog: ['AccessLogFile'],
  record: ['RecordFile'],
  https: ['ListenTls'],
  proxyProtocol: ['ProxyProtocolOptions'],
  'https.certificates': ['CertificateFiles'],
  tls: ['TlsFiles'],
  agents: ['AgentEntry'],
  upstreams: ['UpstreamConfig'],
  'upstreams.targets': ['UpstreamTarget'],
  'upstreams.healthCheck': ['HealthCheckOptions'],
  'upstreams.eject': ['EjectOptions'],
  'upstreams.tls': ['UpstreamTls'],
  'agents.onFailure': ['FailureRules'],
  routes: ['RouteOptions'],
  'routes.agentSettings': ['AgentSettings'],
  'routes.agentSettings.onFailure': ['FailureRules'],
  pool: ['AgentPoolOptions'],
  'pool.reconnect': ['BackoffOptions'],
  'pool.adaptiveConcurrency': ['AdaptiveConcurrencyOptions'],
  'pool.decisionCache': ['DecisionCacheOptions'],
  gateway: ['GatewayOptions', 'ClientOptions', 'UpstreamOptions'],
  'gateway.agentSettings': ['AgentSettings'],
  'gateway.agentSettings.onFailure': ['FailureRules'],
  'gateway.http2': ['Http2Options'],
};

/** Meaning of members whose type says nothing in a file. */
const OWN: Readonly<Record<string, string>> = {
  agents: 'Agents by name, in the order that they are asked. Default none: then every request passes unasked.',
  pool: 'Options of `AgentPool`: connections to agents, timeouts, circuit breaker.',
  gateway: 'Options of `createGateway`, for all routes.',
  'upstreams.targets': 'Servers of the upstream: addresses, or objects with a weight.',
  'upstreams.tls': 'TLS towards the targets; default that of Node.js.',
  'upstreams.tls.ca': 'File with the authorities, PEM; default those of Node.js.',
  'upstreams.tls.cert': 'File with the own certificate chain, PEM, together with `key`.',
  'upstreams.tls.key': 'File with the own private key, PEM.',
  'agents.name': 'Name for pipelines, logs and metrics; unique.',
};

/** One object of the file, with its members. */
export interface Section {
  /** Path of the object, without indexes and names that a user chooses. */
  readonly path: string;
  readonly members: Readonly<Record<string, OptionSchema>>;
  readonly required: readonly string[];
}

/** Returns a schema with the doc comments of the types as descriptions. @param sections gets every object */
export function annotate(schema: OptionSchema, sections: Section[] = []): OptionSchema {
  const comments = readDocComments();
  const describe = (path: string, name: string): string | undefined => {
    const full = path === '' ? name : `${path}.${name}`;
    return OWN[full] ?? TYPES[path]?.map((type) => comments.get(`${type}.${name}`)).find((text) => text !== undefined);
  };
  const walk = (one: OptionSchema, path: string): OptionSchema => {
    const result: Record<string, unknown> = { ...one };
    if (one['properties'] !== undefined) {
      const section = { path, members: {}, required: (one['required'] ?? []) as string[] };
      sections.push(section);
      const members = Object.entries(one['properties'] as Record<string, OptionSchema>).map(([name, member]) => {
        const description = describe(path, name);
        const inner = walk(member, path === '' ? name : `${path}.${name}`);
        return [name, { ...(description !== undefined && { description }), ...inner }] as const;
      });
      section.members = Object.fromEntries(members);
      result['properties'] = section.members;
    }
    for (const key of ['items', 'additionalProperties'])
      if (typeof one[key] === 'object') result[key] = walk(one[key] as OptionSchema, path);
    if (Array.isArray(one['anyOf'])) result['anyOf'] = (one['anyOf'] as OptionSchema[]).map((each) => walk(each, path));
    return result;
  };
  return walk(schema, '');
}
