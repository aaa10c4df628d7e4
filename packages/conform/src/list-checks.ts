import { AGENT_CHECKS } from './agent/run-agent-checks.ts';
import type { Check } from './check.ts';
import { PROXY_CHECKS } from './proxy/run-proxy-checks.ts';
import type { ProtocolForm } from './wire/wire.ts';

/** Description of a check. */
export interface CheckInfo {
  /** Side that the check is for. */
  readonly side: 'agent' | 'proxy';
  /** Stable name, for `only`, tables and scripts. */
  readonly id: string;
  /** Requirement that holds when the check passes, as a sentence. */
  readonly title: string;
  /** Heading in `docs/wire.md` with the requirement. */
  readonly section: string;
  /** `must`: after a failure the two sides may misunderstand each other. `should`: after a failure one side waits longer or learns less. */
  readonly level: 'must' | 'should';
  /** Protocol forms that the check applies to. */
  readonly forms: readonly ProtocolForm[];
  /** `true` when the check runs only on agents that decide as `agentwire agent reference` does. */
  readonly needsReference: boolean;
}

const ALL_FORMS: readonly ProtocolForm[] = ['documented', 'zentinel', 'grpc'];

function infoOf(side: CheckInfo['side'], check: Omit<Check<never>, 'run'>): CheckInfo {
  const { id, title, section, level, forms = ALL_FORMS, needs } = check;
  return { side, id, title, section, level, forms, needsReference: needs === 'reference' };
}

/** Describes every check, in the order in which they run: first those of an agent, then those of a proxy. */
export function listChecks(): CheckInfo[] {
  return [
    ...AGENT_CHECKS.map((check) => infoOf('agent', check)),
    ...PROXY_CHECKS.map((check) => infoOf('proxy', check)),
  ];
}
