import type { Clock, Endpoint } from '@agentwire/core';
import { type Check, CheckFailure, type CheckResult } from '../check.ts';
import type { Access } from '../raw/access.ts';
import { documented } from '../wire/documented.ts';
import { grpc } from '../wire/grpc.ts';
import type { Form, Wire } from '../wire/wire.ts';
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

const WIRES: Readonly<Record<Form, Wire>> = { documented, zentinel, grpc };

/** What {@link checkAgent} needs to know. */
export interface CheckAgentOptions {
  readonly clock: Clock;
  /** How long anything is waited for, in milliseconds. */
  readonly patienceMs: number;
  /** Certificates and token for every connection; default none. */
  readonly access?: Access;
  /** Told of each result as it comes. */
  readonly onResult?: (result: CheckResult) => void;
}

/** Whether the agent decides as `agentwire agent reference` does. */
async function isReference(under: AgentUnderTest): Promise<boolean> {
  try {
    const talk = await under.open();
    const { wire } = under;
    talk.send(wire.head(wire.id(1), { uri: '/mutate' }), wire.head(wire.id(2), { uri: '/redirect' }));
    const answers = await talk.answers(2);
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

/** Puts an agent through every check that is for `form`. One that does not answer the handshake skips the rest. */
export async function checkAgent(endpoint: Endpoint, form: Form, options: CheckAgentOptions): Promise<CheckResult[]> {
  const under = new AgentUnderTest(endpoint, WIRES[form], options.clock, options.patienceMs, options.access);
  const reference = await isReference(under);
  const results: CheckResult[] = [];
  let silent = false;
  for (const check of AGENT_CHECKS) {
    const { id, says, section, level, forms, needs } = check;
    if (forms !== undefined && !forms.includes(form)) continue;
    const skip = silent
      ? 'the handshake was not answered'
      : needs === 'reference' && !reference
        ? 'needs the behaviour of `agentwire agent reference`'
        : undefined;
    const why = skip ?? (await runOne(check, under));
    if (id === 'handshake-answer' && why !== undefined) silent = true;
    const outcome = skip !== undefined ? 'skip' : why === undefined ? 'pass' : 'fail';
    const result: CheckResult = { id, form, says, section, level, outcome, ...(why !== undefined && { why }) };
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}
