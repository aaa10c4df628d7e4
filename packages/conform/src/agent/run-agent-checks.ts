import type { Clock, Endpoint } from '@agentwire/core';
import { type Check, CheckFailure, type CheckResult } from '../check.ts';
import type { Access } from '../raw/access.ts';
import { documented } from '../wire/documented.ts';
import { grpc } from '../wire/grpc.ts';
import type { ProtocolForm, Wire } from '../wire/wire.ts';
import { zentinel } from '../wire/zentinel.ts';
import { answerChecks } from './checks/answers.ts';
import { badInputChecks } from './checks/bad-input.ts';
import { bodyChecks } from './checks/bodies.ts';
import { controlChecks } from './checks/control.ts';
import { framingChecks } from './checks/framing.ts';
import { handshakeChecks } from './checks/handshake.ts';
import { AgentUnderTest } from './under-test.ts';

/** Every check of an agent, in the order in which they run. */
export const AGENT_CHECKS: readonly Check<AgentUnderTest>[] = [
  ...handshakeChecks,
  ...answerChecks,
  ...bodyChecks,
  ...controlChecks,
  ...badInputChecks,
  ...framingChecks,
];

const WIRES: Readonly<Record<ProtocolForm, Wire>> = { documented, zentinel, grpc };

/** Settings of {@link runAgentChecks}. */
export interface AgentRunOptions {
  readonly clock: Clock;
  /** Timeout of every wait, in milliseconds. */
  readonly timeoutMs: number;
  /** Certificates and token for every connection; default none. */
  readonly access?: Access;
  /** Ids of the checks to run; default all. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Called with each result. */
  readonly onResult?: ((result: CheckResult) => void) | undefined;
}

/** Tests the agent for the decisions of `agentwire agent reference`. */
async function isReference(under: AgentUnderTest): Promise<boolean> {
  try {
    const link = await under.open();
    const { wire } = under;
    link.send(wire.head(wire.id(1), { uri: '/mutate' }), wire.head(wire.id(2), { uri: '/redirect' }));
    const answers = await link.answers(2);
    const mutated = answers.find(({ id }) => id === wire.id(1));
    const redirected = answers.find(({ id }) => id === wire.id(2));
    return mutated?.operations.includes('set x-agent-set') === true && redirected?.verdict === 'redirect';
  } catch {
    return false;
  } finally {
    under.release();
  }
}

async function runOne(check: Check<AgentUnderTest>, under: AgentUnderTest): Promise<string | undefined> {
  try {
    await check.run(under);
    return undefined;
  } catch (error) {
    return error instanceof CheckFailure ? error.message : `unexpected: ${(error as Error).message}`;
  } finally {
    under.release();
  }
}

/** Runs every check that applies to `form`. After an unanswered handshake the rest is skipped. */
export async function runAgentChecks(
  endpoint: Endpoint,
  form: ProtocolForm,
  options: AgentRunOptions,
): Promise<CheckResult[]> {
  const under = new AgentUnderTest(endpoint, WIRES[form], options.clock, options.timeoutMs, options.access);
  const reference = await isReference(under);
  const results: CheckResult[] = [];
  let unanswered = false;
  for (const check of AGENT_CHECKS) {
    const { id, title, section, level, forms, needs } = check;
    if (forms?.includes(form) === false || options.only?.has(id) === false) continue;
    const skip = unanswered
      ? 'the handshake was not answered'
      : needs === 'reference' && !reference
        ? 'needs the behaviour of `agentwire agent reference`'
        : undefined;
    const reason = skip ?? (await runOne(check, under));
    if (id === 'handshake-answer' && reason !== undefined) unanswered = true;
    const outcome = skip !== undefined ? 'skip' : reason === undefined ? 'pass' : 'fail';
    const result: CheckResult = { id, form, title, section, level, outcome, ...(reason !== undefined && { reason }) };
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}
