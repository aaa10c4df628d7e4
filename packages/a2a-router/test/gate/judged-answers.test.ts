import { describe, expect, it } from 'vitest';
import { composeGates, type GateBackend, gateDecision, payload, target } from '../../src/index.ts';
import { createTeam, settle } from '../team.ts';

const permit: GateBackend = { check: () => gateDecision.permit };
const gateThat = (answer: () => unknown): GateBackend => ({ check: () => answer() as never });
const thenable = (answer: unknown): unknown => ({
  // eslint-disable-next-line unicorn/no-thenable -- promises of other makes are what this is about
  then: (resolve: (value: unknown) => void) => resolve(answer),
});

const UNREADABLE: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  false: () => false,
  true: () => true,
  'a word': () => 'permit',
  'another spelling': () => ({ kind: 'Permit' }),
  'an empty object': () => ({}),
  'a promise of undefined': () => Promise.resolve(undefined),
  'a thenable of undefined': () => thenable(undefined),
  'a denying thenable': () => thenable(gateDecision.deny('no')),
  'an object that throws when it is read': () => ({
    get kind(): never {
      throw new Error('boom');
    },
  }),
};

describe('an answer of a gate that is no decision', () => {
  it.each(Object.keys(UNREADABLE))('%s denies, alone and composed', async (name) => {
    const junk = gateThat(UNREADABLE[name] ?? (() => undefined));
    const gates = [junk, composeGates(junk, permit), composeGates(permit, junk), composeGates(composeGates(junk))];
    for (const gate of gates) {
      const { add } = createTeam({ gate });
      const [one, two] = [add('one'), add('two')];
      await expect(one.send(target.process(two.pid), payload.text('x'))).rejects.toMatchObject({
        code: 'ERR_CAPABILITY_DENIED',
      });
      expect(two.inbox.size).toBe(0);
    }
  });

  it('is read once, so that it cannot be two things', async () => {
    let reads = 0;
    const gate = gateThat(() => ({
      get kind() {
        return (reads += 1) === 1 ? 'deny' : 'permit';
      },
    }));
    const { add } = createTeam({ gate: composeGates(gate, permit) });
    const [one, two] = [add('one'), add('two')];
    await expect(one.send(target.process(two.pid), payload.text('x'))).rejects.toThrow('gave no reason');
  });

  it('denies a parked message too', async () => {
    const { router, add } = createTeam({ gate: gateThat(() => gateDecision.defer()), deferMode: 'park' });
    const [one, two] = [add('one'), add('two')];
    const sent = one.send(target.process(two.pid), payload.text('x'));
    router.resolveDeferred(router.parkedMessages[0]?.id ?? '', { kind: 'Permit' } as never);
    await expect(sent).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
  });
});

describe('a request that ends while a gate thinks', () => {
  it.each(['abort', 'timeout', 'exit'])('is not delivered and leaves nothing behind (%s)', async (how) => {
    let decide = (): void => undefined;
    const gate = gateThat(() => new Promise((resolve) => (decide = () => resolve(gateDecision.permit))));
    const { router, clock, add } = createTeam({ gate });
    const [one, two] = [add('one'), add('two')];
    const abort = new AbortController();
    const answer = one.request(target.process(two.pid), payload.text('pay'), { signal: abort.signal, timeoutMs: 50 });
    const ended = expect(answer).rejects.toMatchObject({
      code: how === 'abort' ? 'ERR_ABORTED' : how === 'timeout' ? 'ERR_TIMEOUT' : 'ERR_CLOSED',
    });
    if (how === 'abort') abort.abort();
    else if (how === 'timeout') clock.advance(60);
    else router.processTable.updateState(one.pid, 'exited');
    await ended;
    decide();
    await settle();
    expect(two.inbox.size).toBe(0);
    expect(router.deadLetters.size).toBe(0);
    expect(router.pendingRequestCount).toBe(0);
    clock.advance(60);
    expect(clock.pendingTimers).toBe(0);
  });

  it('nor is a message whose deadline passes meanwhile, or that the router outlives', async () => {
    const pending: (() => void)[] = [];
    const gate = gateThat(() => new Promise((resolve) => pending.push(() => resolve(gateDecision.permit))));
    const { router, clock, add } = createTeam({ gate });
    const [one, two] = [add('one'), add('two')];
    const deadline = clock.wallNow() + 10;
    const late = expect(one.send(target.process(two.pid), payload.text('x'), { deadline })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
    });
    const orphan = expect(one.send(target.process(two.pid), payload.text('x'))).rejects.toMatchObject({
      code: 'ERR_CLOSED',
    });
    clock.advance(20);
    pending[0]?.();
    await late;
    await router.close();
    pending[1]?.();
    await orphan;
    expect(two.inbox.size).toBe(0);
  });
});
