import type { IncomingRequest, IncomingResponse } from '@agentwire/agent';
import type { RequestSummary } from '@agentwire/gateway';
import type { Scenario } from './scenario.ts';

/** Message as a participant saw it; names in lower case. */
interface Seen {
  readonly start: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** One direction of a request as an agent saw it. */
interface AgentView {
  head: Seen | undefined;
  /** Body received so far. */
  body: string | undefined;
  /** Set when it has seen the end of the body. */
  whole: boolean;
}

/** All that was seen of one scenario on one transport. */
export interface CaseRecord {
  readonly scenario: Scenario;
  readonly agents: readonly [AgentRecord, AgentRecord];
  /** Requests that the upstream received. */
  readonly upstream: (Seen & { body: string; whole: boolean })[];
  /** Ends that the gateway reported. */
  readonly ends: RequestSummary[];
}

/** Request as one agent saw it. */
interface AgentRecord {
  readonly request: AgentView;
  readonly response: AgentView;
}

const view = (): AgentView => ({ head: undefined, body: undefined, whole: false });
const agentRecord = (): AgentRecord => ({ request: view(), response: view() });

/** Collects what agents, upstream and gateway saw of each scenario; they find it by the header `x-case`. */
export class Journal {
  readonly #records = new Map<string, CaseRecord>();
  /** Messages that name no scenario that is open. */
  strays = 0;

  /** Opens a scenario. */
  open(scenario: Scenario): CaseRecord {
    const record: CaseRecord = { scenario, agents: [agentRecord(), agentRecord()], upstream: [], ends: [] };
    this.#records.set(String(scenario.id), record);
    return record;
  }

  /** Closes a scenario; what comes for it later is a stray. */
  close(scenario: Scenario): void {
    this.#records.delete(String(scenario.id));
  }

  find(caseId: string | undefined): CaseRecord | undefined {
    const record = caseId === undefined ? undefined : this.#records.get(caseId);
    if (record === undefined) this.strays += 1;
    return record;
  }

  scenario(caseId: string | undefined): Scenario | undefined {
    return this.find(caseId)?.scenario;
  }

  agentSawRequest(caseId: string | undefined, which: 0 | 1, request: IncomingRequest): void {
    const { serverName, protocol } = request.metadata;
    const start = `${request.method} ${request.uri} ${serverName ?? ''} ${protocol}`;
    const found = this.find(caseId);
    if (found !== undefined) found.agents[which].request.head = { start, headers: pairs(request.headers.toRaw()) };
  }

  agentSawResponse(caseId: string | undefined, which: 0 | 1, response: IncomingResponse): void {
    const found = this.find(caseId);
    if (found === undefined) return;
    found.agents[which].response.head = { start: String(response.status), headers: pairs(response.headers.toRaw()) };
  }

  agentRead(
    caseId: string | undefined,
    which: 0 | 1,
    direction: 'request' | 'response',
    body: string,
    whole: boolean,
  ): void {
    const found = this.find(caseId)?.agents[which][direction];
    if (found === undefined) return;
    found.body = body;
    found.whole = whole;
  }
}

/** Makes pairs of a flat list of names and values, names in lower case. */
export function pairs(raw: readonly string[]): (readonly [string, string])[] {
  const result: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) result.push([(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? '']);
  return result;
}
