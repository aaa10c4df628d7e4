import assert from 'node:assert/strict';
import type { Decision } from '@agentwire/core';
import { IMPOSSIBLE_DECISIONS, POSSIBLE_DECISIONS } from '@agentwire/core/testing';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { requestHeaders } from '../kit/samples.ts';

const { id: _id, ...HEADERS } = requestHeaders(0);

/** Impossible decisions that every encoding can write. */
const WRITABLE = IMPOSSIBLE_DECISIONS.filter(({ what }) => /^a (?:block with status 101|redirect)/.test(what));

/** Decisions: the same ones are possible on every transport. */
export const DECISION_CASES: readonly ComplianceCase[] = [
  rule('decision.received', 'an impossible answer is delivered as malformed, under its id', async (kit) => {
    const { proxy, agent } = await kit.pair();
    for (const { what, decision } of WRITABLE) {
      const id = kit.id(agent, proxy.received.length + 1);
      const before = proxy.received.length;
      agent.connection.send({ type: 'answer', id, decision: decision as Decision });
      await kit.until(what, () => proxy.received.length > before);
      const got = proxy.received[before];
      assert.ok(got?.type === 'malformed' && got.of === 'answer', `${what} arrived as ${got?.type}`);
      assert.deepEqual([got.id, got.error.code], [id, 'ERR_PROTOCOL'], what);
    }
  }),
  rule('decision.impossible', 'a decision with a wrong field is a failure, and the next one is not', async (kit) => {
    let decision: unknown;
    const listener = await kit.serve({ onEvent: () => decision as Decision });
    const session = await kit.session(listener.address);
    for (const one of IMPOSSIBLE_DECISIONS) {
      decision = one.decision;
      const outcome = session.request(HEADERS).then(
        ({ verdict, audit }) => audit?.reasonCodes?.some((code) => code.startsWith('agentwire:')) ?? verdict.type,
        () => true,
      );
      assert.equal(await kit.settled(one.what, outcome), true, `${one.what} was taken for a decision`);
    }
    for (const one of POSSIBLE_DECISIONS) {
      decision = one.decision;
      const { verdict } = await kit.settled(one.what, session.request(HEADERS));
      assert.deepEqual({ ...verdict }, { ...verdict, ...one.decision.verdict }, one.what);
    }
  }),
  rule('decision.one-value', 'a block with a header name twice is refused where it is sent', async (kit) => {
    const { agent } = await kit.pair();
    for (const headers of [
      ['set-cookie', 'a=1', 'set-cookie', 'b=2'],
      ['Set-Cookie', 'a=1', 'x', '1', 'set-cookie', 'b=2'],
    ]) {
      const decision: Decision = { verdict: { type: 'block', status: 403, headers } };
      const send = (): unknown => agent.connection.send({ type: 'answer', id: kit.id(agent, 1), decision });
      kit.throws('a block with a name twice', send, 'ERR_INVALID_ARGUMENT');
    }
  }),
];
