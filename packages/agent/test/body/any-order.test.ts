import type { Decision } from '@agentwire/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allow, block, type IncomingRequest } from '../../src/index.ts';
import { chunk, head, settled } from '../events.ts';
import { start } from '../runtime/start.ts';

interface Plan {
  readonly pieces: string[];
  readonly read: 'pieces' | 'whole' | 'spill' | 'nothing';
  /** Microtasks that the handler waits before it reads, between pieces, and before it decides. */
  readonly waits: readonly [number, number, number];
  /** Pieces after which the handler decides early; past the end it never does. */
  readonly stopAfter: number;
  readonly blocks: boolean;
}

const plans = fc.record<Plan>({
  pieces: fc.array(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 6 }),
  read: fc.constantFrom('pieces', 'whole', 'spill', 'nothing'),
  waits: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2)),
  stopAfter: fc.integer({ min: 1, max: 9 }),
  blocks: fc.boolean(),
});

async function wait(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await Promise.resolve();
}

async function read(request: IncomingRequest, plan: Plan): Promise<string> {
  if (plan.read === 'nothing') return '';
  if (plan.read !== 'pieces') return Buffer.from(await request.bytes({ spill: plan.read === 'spill' })).toString();
  let text = '';
  let count = 0;
  for await (const piece of request.body) {
    text += Buffer.from(piece).toString();
    count += 1;
    if (count === plan.stopAfter) return text;
    await wait(plan.waits[1]);
  }
  return text;
}

test('gives each event one answer, asks for more until it decides, and loses no byte', async () => {
  const one = async (plan: Plan): Promise<void> => {
    let seen: string | undefined;
    const { connect, runtime } = start({
      requestBody: true,
      async onRequestHeaders(request) {
        await wait(plan.waits[0]);
        seen = await read(request, plan);
        await wait(plan.waits[2]);
        return plan.blocks ? block() : allow();
      },
    });
    const at = connect();
    at.receive(head(1));
    await settled();
    let sent = 0;
    // as a proxy does: the next chunk goes out when the answer asked for more
    while ((at.answers.at(-1) as Decision).needsMore === true && sent < plan.pieces.length) {
      at.receive(chunk(1, sent, plan.pieces[sent] ?? '', sent === plan.pieces.length - 1));
      sent += 1;
      await settled();
      expect(at.answers).toHaveLength(sent + 1);
    }
    expect((at.answers.at(-1) as Decision).verdict.type).toBe(plan.blocks ? 'block' : 'allow');
    expect((at.answers.at(-1) as Decision).needsMore ?? false).toBe(false);
    const whole = plan.read === 'whole' || plan.read === 'spill';
    if (whole) expect(sent).toBe(plan.pieces.length);
    expect(seen).toBe(plan.read === 'nothing' ? '' : plan.pieces.slice(0, sent).join(''));
    expect(runtime.limiter).toMatchObject({ running: 0, undecided: 0 });
    expect(runtime.calls.outcomes.counts.failures).toBe(0);
  };
  await fc.assert(fc.asyncProperty(plans, one), { numRuns: 300 });
});

test('ends every run and answers nothing more when the request is cancelled, in whatever state it is', async () => {
  const one = async (plan: Plan, cancelAt: number): Promise<void> => {
    const { connect, runtime, clock } = start({
      requestBody: true,
      async onRequestHeaders(request) {
        await wait(plan.waits[0]);
        await read(request, plan);
        return allow();
      },
    });
    const at = connect();
    at.receive(head(1));
    for (let i = 0; i < Math.min(cancelAt, plan.pieces.length); i++) {
      at.receive(chunk(1, i, plan.pieces[i] ?? '', false));
      await settled();
    }
    at.receive({ type: 'cancel', id: 1 });
    const answers = at.answers.length;
    await settled();
    expect(at.answers).toHaveLength(answers);
    expect(runtime.limiter).toMatchObject({ running: 0, undecided: 0 });
    clock.advance(60_000);
    expect(clock.pendingTimers).toBe(0);
  };
  await fc.assert(fc.asyncProperty(plans, fc.nat(4), one), { numRuns: 200 });
});
