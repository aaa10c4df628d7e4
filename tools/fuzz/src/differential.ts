import type { Outcome } from './rig.ts';
import type { Scenario } from './scenario.ts';

/** Names whose values differ between runs, or depend on whether an upload was in flight at the response. */
const VARYING = new Set(['date', 'x-request-id', 'connection', 'keep-alive']);

type Lines = readonly (readonly [string, string])[];

/** Returns the lines by name: the zentinel dialect has one list of values a name, so the order of names is not kept. */
function steady(lines: Lines): [string, string[]][] {
  const byName = Map.groupBy(
    lines.filter(([name]) => !VARYING.has(name)),
    ([name]) => name,
  );
  return [...byName]
    .map(([name, all]): [string, string[]] => [name, all.map(([, value]) => value)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Returns whether an outcome of this scenario may depend on how bytes arrive: decisions that a stream may be too late for. */
export function dependsOnTime({ mode, agents, request, upstream }: Scenario): boolean {
  if (mode === 'hold') return false;
  const reads = agents.some(({ request: one, response }) => one.reading !== 'none' || response.reading !== 'none');
  return reads && (request.body.pieces.length > 0 || upstream.body.pieces.length > 0);
}

/**
 * Returns whether the client was told that an agent has failed. An agent that throws says so in a decision's `error`, which the
 * failure policy answers with 503; the zentinel dialect has no such field, and there its answer is a block with 500.
 */
function isFailure({ scenario, client }: Outcome): boolean {
  const throws = scenario.agents.some(({ request, response }) => [request.verdict, response.verdict].includes('throw'));
  return throws && /^HTTP\/1\.1 50[03] /.test(client.response?.startLine ?? '');
}

/** Describes what client, upstream and agents saw, without what differs from run to run. */
export function appearance(outcome: Outcome): Record<string, unknown> {
  const { client, upstream, agents, scenario } = outcome;
  const { response } = client;
  return {
    client: isFailure(outcome)
      ? 'an agent has failed'
      : response && {
          start: response.startLine,
          headers: steady(response.headers),
          body: response.body,
          whole: response.whole,
        },
    fault: client.fault,
    upstream: upstream.map(({ start, headers, body, whole }) => ({ start, headers: steady(headers), body, whole })),
    agents: agents.map((seen, at) =>
      (['request', 'response'] as const).map((side) => {
        const { head, body = '' } = seen[side];
        // pieces that wait are joined: an agent that refuses a body may have seen some of what comes behind the attack, and those
        // behind an agent that refuses have seen any part of what it passed before
        const refused = scenario.agents.slice(0, at).some((plan) => plan[side].verdict !== 'allow');
        return {
          start: head?.start,
          headers: head && steady(head.headers),
          body: refused ? '' : body.replace(/(an attack here)[^]*/, '$1'),
        };
      }),
    ),
  };
}

/** Returns the first places where two appearances differ, as `path: a ≠ b`. */
export function differences(a: unknown, b: unknown, path = ''): string[] {
  if (Object.is(a, b)) return [];
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys]
      .flatMap((key) =>
        differences((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`),
      )
      .slice(0, 4);
  }
  const show = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 80);
  return [`${path.replace(/^\./, '')}: ${show(a)} ≠ ${show(b)}`];
}
