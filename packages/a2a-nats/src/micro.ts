import type { Target } from '@agentwire/a2a-router';
import { createMessageId, type ServiceEntry, writeJsonSchema } from '@agentwire/a2a-router/internal';
import type { Msg } from '@nats-io/transport-node';
import { MicroStats } from './micro-stats.ts';
import type { NodeLink } from './node-link.ts';
import { encodeToken } from './subject-token.ts';

const VERBS = ['PING', 'INFO', 'STATS'] as const;
type Verb = (typeof VERBS)[number];

/** Endpoint of a service that knows any method. */
const ANY = 'default';
const MAX_ENDPOINTS = 200;
const MAX_ERROR = 500;

/** Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` for the services of this node, as NATS micro services do. */
export class Micro {
  readonly #link: NodeLink;
  readonly #stats: MicroStats;
  readonly #ids = new Map<string, string>();

  constructor(link: NodeLink) {
    this.#link = link;
    this.#stats = new MicroStats(link.options.clock);
  }

  /** Begins to listen. */
  start(): void {
    for (const verb of VERBS) {
      this.#link.listen(`$SRV.${verb}`, (msg) => this.#answer(verb, msg));
      this.#link.listen(`$SRV.${verb}.>`, (msg) => this.#answer(verb, msg));
    }
  }

  /** Begins the counts of a service anew, or forgets them. */
  changed(service: string, owned: boolean): void {
    this.#stats.forget(service);
    this.#ids.delete(service);
    if (owned) this.#stats.begin(service);
  }

  /** Counts a call of a service; the function that it gives is called with the failure, or none, once it is answered. */
  called(to: Target | undefined): ((failure?: string) => void) | undefined {
    if (to?.kind !== 'service' && to?.kind !== 'serviceMethod') return undefined;
    const entry = this.#link.host.service(to.service);
    if (entry === undefined) return undefined;
    const method = to.kind === 'serviceMethod' && entry.methods?.includes(to.method) === true ? to.method : ANY;
    return this.#stats.called(to.service, method);
  }

  #answer(verb: Verb, msg: Msg): void {
    const [, , name, id, ...more] = msg.subject.split('.');
    if (more.length > 0 || msg.reply === undefined || msg.reply === '' || !this.#link.connected) return;
    for (const entry of this.#link.services()) {
      const about = this.#about(entry);
      if ((name !== undefined && name !== about.name) || (id !== undefined && id !== about.id)) continue;
      msg.respond(JSON.stringify(this.#body(verb, entry, about)));
    }
  }

  #about(entry: ServiceEntry): MicroAbout {
    const { name, about } = entry;
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = createMessageId();
      this.#ids.set(name, id);
    }
    const metadata = { ...about.metadata, 'agentwire.node': this.#link.options.nodeId, 'agentwire.service': name };
    // the names of micro services are letters, digits, _ and - only; the whole name is in the metadata.
    return { name: encodeToken(name).replaceAll('=', '_'), id, version: about.version ?? '0.0.0', metadata };
  }

  #body(verb: Verb, entry: ServiceEntry, about: MicroAbout): Record<string, unknown> {
    if (verb === 'PING') return { type: 'io.nats.micro.v1.ping_response', ...about };
    const endpoints = [ANY, ...(entry.methods ?? [])]
      .slice(0, MAX_ENDPOINTS)
      .map((method) => this.#endpoint(entry, method));
    if (verb === 'INFO') {
      const { description = '' } = entry.about;
      return { type: 'io.nats.micro.v1.info_response', ...about, description, endpoints };
    }
    const started = new Date(this.#stats.startedAt(entry.name)).toISOString();
    return {
      type: 'io.nats.micro.v1.stats_response',
      ...about,
      started,
      endpoints: endpoints.map(({ name, subject, queue_group }) => {
        const { requests, errors, lastError, nanos } = this.#stats.of(entry.name, name);
        return {
          name,
          subject,
          queue_group,
          num_requests: requests,
          num_errors: errors,
          last_error: lastError.slice(0, MAX_ERROR),
          processing_time: nanos,
          average_processing_time: requests === 0 ? 0 : Math.round(nanos / requests),
        };
      }),
    };
  }

  #endpoint(entry: ServiceEntry, method: string): MicroEndpoint {
    const { subjects } = this.#link;
    return {
      name: method,
      subject: subjects.anyService(entry.name, method === ANY ? undefined : method),
      queue_group: encodeToken(entry.name),
      metadata: schemasOf(entry, method),
    };
  }
}

interface MicroAbout {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface MicroEndpoint {
  readonly name: string;
  readonly subject: string;
  readonly queue_group: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** JSON schemas of a method, as far as its Standard Schemas can say them. */
function schemasOf({ contracts }: ServiceEntry, method: string): Readonly<Record<string, string>> {
  const contract = contracts?.get(method);
  const found: Record<string, string> = {};
  for (const side of ['args', 'answer'] as const) {
    const schema = contract?.[side];
    if (schema === undefined) continue;
    const { vendor } = schema['~standard'] as { readonly vendor: unknown };
    found[`schema.${side}.vendor`] = String(vendor).slice(0, 100);
    // a schema that JSON Schema cannot say is named by its vendor alone.
    const text = writeJsonSchema(schema);
    if (text !== undefined) found[`schema.${side}`] = text;
  }
  return found;
}
