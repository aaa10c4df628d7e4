import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  composeGates,
  createCapabilityGate,
  createChain,
  type GateBackend,
  gateDecision,
  payload,
  scope,
  target,
  verifyChainFile,
} from '../../src/index.ts';
import { createTeam, settle } from '../team.ts';

const permit: GateBackend = { check: () => gateDecision.permit };

describe('the gate', () => {
  it('is told who, what and where, and blocks with its reason', async () => {
    const asked: unknown[] = [];
    const gate: GateBackend = {
      check: (agentId, action, context) => {
        asked.push([agentId, action, context.payloadType, context.layer]);
        return action === 'tool.rm' ? gateDecision.deny('no deleting') : gateDecision.permit;
      },
    };
    const { router, add } = createTeam({ gate });
    const [one, two] = [add('one'), add('two')];
    const to = target.process(two.pid);
    await one.send(to, payload.text('x'));
    await one.send(to, payload.signal('Wake'));
    await expect(one.send(to, payload.toolCall('rm', {}))).rejects.toMatchObject({
      code: 'ERR_CAPABILITY_DENIED',
      detail: { reason: 'no deleting' },
    });
    expect(asked).toEqual([
      ['one', 'ipc.send', 'text', 'routing'],
      ['one', 'ipc.signal', 'signal', 'routing'],
      ['one', 'tool.rm', 'tool_call', 'routing'],
    ]);
    expect(router.deadLetters.list({ recipient: two.pid })[0]?.reason).toBe('governance_denied');
    expect(two.inbox.size).toBe(2);
  });

  it('is asked after the rates of the sender, and before its scope and the delivery', async () => {
    const asked: string[] = [];
    const gate: GateBackend = {
      check: (agentId) => {
        asked.push(agentId);
        return gateDecision.permit;
      },
    };
    const { router, add } = createTeam({ gate });
    const two = add('two');
    const to = target.process(two.pid);
    const denied = { code: 'ERR_CAPABILITY_DENIED' };
    const quick = add('quick', { maxMessages: 1 });
    await quick.send(to, payload.text('x'));
    await expect(quick.send(to, payload.text('x'))).rejects.toMatchObject({
      code: 'ERR_CAPABILITY_DENIED',
      retryable: true,
    });
    expect(asked).toEqual(['quick']);
    await expect(add('bound', { ipcScope: scope.restricted([]) }).send(to, payload.text('x'))).rejects.toMatchObject(
      denied,
    );
    await expect(add('lost').send(target.process(1000), payload.text('x'))).rejects.toMatchObject({
      code: 'ERR_PROCESS_NOT_FOUND',
    });
    expect(asked).toEqual(['quick', 'bound', 'lost']);
    expect(two.inbox.size).toBe(1);
    await router.close();
  });

  it('that takes its time may let a later message overtake an earlier one', async () => {
    const decide: (() => void)[] = [];
    const gate: GateBackend = {
      check: () => new Promise((resolve) => decide.push(() => resolve(gateDecision.permit))),
    };
    const { add } = createTeam({ gate });
    const [one, two] = [add('one'), add('two')];
    const sent = ['first', 'second'].map((text) => one.send(target.process(two.pid), payload.text(text)));
    decide[1]?.();
    await sent[1];
    decide[0]?.();
    await sent[0];
    expect([two.inbox.poll(), two.inbox.poll()].map((message) => message?.payload)).toEqual([
      payload.text('second'),
      payload.text('first'),
    ]);
  });

  it('cannot change a message through what it is told of it', async () => {
    const { add } = createTeam({
      gate: {
        check: (_agent, _action, { target: to, args }) => {
          Object.assign(to, { pid: 3 });
          Object.assign(args as object, { n: 2 });
          return gateDecision.permit;
        },
      },
    });
    const [one, two, three] = [add('one'), add('two'), add('three')];
    await one.send(target.process(two.pid), payload.json({ n: 1 }));
    expect(two.inbox.poll()).toMatchObject({ target: target.process(two.pid), payload: payload.json({ n: 1 }) });
    expect(three.inbox.size).toBe(0);
  });

  it('denies when it throws, rejects, is late or says nothing that can be read', async () => {
    const answers: (() => unknown)[] = [
      () => {
        throw new Error('boom');
      },
      () => Promise.reject(new Error('boom')),
      () => undefined,
      () => Promise.resolve({ kind: 'maybe' }),
      () => new Promise(() => undefined),
    ];
    let turn = 0;
    const { clock, add } = createTeam({ gate: { check: () => answers[turn++]?.() as never }, gateTimeoutMs: 100 });
    const [one, two] = [add('one'), add('two')];
    for (const reason of [
      'failed',
      'failed',
      'no answer that can be read',
      'no answer that can be read',
      'within 100 ms',
    ]) {
      const sent = expect(one.send(target.process(two.pid), payload.text('x'))).rejects.toThrow(reason);
      await settle();
      clock.advance(100);
      await sent;
    }
    expect(two.inbox.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('marks what it defers, or parks it until a decision', async () => {
    const gate: GateBackend = { check: () => gateDecision.defer('ask a person') };
    const marking = createTeam({ gate });
    const [a, b] = [marking.add('a'), marking.add('b')];
    await a.send(target.process(b.pid), payload.text('x'));
    expect(b.inbox.poll()).toMatchObject({ deferred: true });
    const { router, clock, add } = createTeam({ gate, deferMode: 'park', maxParked: 2, parkTimeoutMs: 1000 });
    const [one, two] = [add('one'), add('two')];
    const to = target.process(two.pid);
    const [yes, no] = [one.send(to, payload.text('yes')), one.send(to, payload.text('no'))];
    await expect(one.send(to, payload.text('too many'))).rejects.toThrow('parked already');
    const [first, second] = router.parkedMessages;
    expect(router.resolveDeferred(first?.id ?? '', gateDecision.permit)).toBe(true);
    expect(router.resolveDeferred(first?.id ?? '', gateDecision.permit)).toBe(false);
    expect(() => router.resolveDeferred(second?.id ?? '', gateDecision.defer())).toThrow('permitted or denied');
    expect(router.resolveDeferred(second?.id ?? '', gateDecision.deny('not now'))).toBe(true);
    expect(await yes).toMatchObject({ delivered: 1 });
    await expect(no).rejects.toThrow('not now');
    const late = expect(one.send(to, payload.text('late'))).rejects.toThrow('no decision came in time');
    clock.advance(1000);
    await late;
    const gone = one.send(to, payload.text('gone'));
    router.processTable.updateState(one.pid, 'exited');
    router.resolveDeferred(router.parkedMessages[0]?.id ?? '', gateDecision.permit);
    await expect(gone).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('composes: one denial ends it, one deferral defers, asynchronous ones are waited for', async () => {
    const deny: GateBackend = { check: () => gateDecision.deny('second') };
    const later: GateBackend = { check: () => Promise.resolve(gateDecision.defer()) };
    const context = {} as never;
    expect(composeGates(permit, deny, later).check('a', 'b', context)).toEqual(gateDecision.deny('second'));
    expect(await composeGates(permit, later, permit).check('a', 'b', context)).toEqual(gateDecision.defer());
    expect(await composeGates(later, deny).check('a', 'b', context)).toEqual(gateDecision.deny('second'));
    expect(composeGates().check('a', 'b', context)).toEqual(gateDecision.permit);
  });

  it('can be the capabilities alone', async () => {
    const { router, add } = createTeam();
    router.setGate(createCapabilityGate(router.processTable));
    const one = add('one', { canIpc: false });
    const two = add('two');
    await expect(one.send(target.process(two.pid), payload.text('x'))).rejects.toThrow(
      'lacks the capability for ipc.send',
    );
    expect(await two.send(target.process(one.pid), payload.text('x'))).toMatchObject({ delivered: 1 });
  });
});

describe('sendChecked', () => {
  it('records intent and outcome, and denied does not look like delivered', async () => {
    const chain = createChain({ key: new Uint8Array(16) });
    const { add } = createTeam({
      chain,
      gate: { check: (agent) => (agent === 'bad' ? gateDecision.deny('no') : gateDecision.permit) },
    });
    const [good, bad] = [add('good'), add('bad')];
    await good.send(target.process(bad.pid), payload.text('hi'), { correlationId: 'c', traceId: 't' });
    await bad.send(target.process(good.pid), payload.json({ b: 1, a: 2 })).catch(() => undefined);
    const events = chain
      .tail()
      .slice(1)
      .map(({ kind, payload: body }) => [kind, JSON.parse(body ?? '{}')]);
    expect(events).toEqual([
      [
        'ipc.send',
        expect.objectContaining({
          from: good.pid,
          target: `Process(${bad.pid})`,
          payload_type: 'text',
          correlation_id: 'c',
          trace_id: 't',
        }),
      ],
      ['ipc.outcome', expect.objectContaining({ delivered: 1 })],
      ['ipc.send', expect.objectContaining({ from: bad.pid, payload_type: 'json' })],
      ['ipc.outcome', expect.objectContaining({ delivered: 0, code: 'ERR_CAPABILITY_DENIED' })],
    ]);
    expect(() => chain.verify(chain.head)).not.toThrow();
  });

  it('records what a message is, and each thing that may become of it', async () => {
    const chain = createChain({ key: new Uint8Array(16) });
    const { router, add } = createTeam({ chain });
    const [one, two, full] = [
      add('one'),
      add('two'),
      router.register(router.processTable.insert({ agentId: 'full' }), { capacity: 1 }),
    ];
    router.topicRouter.keep('news', { history: 1 });
    for (const { pid } of [two, full]) router.subscribe(pid, 'news');
    const entries = (): unknown[] =>
      chain.tail(2).map(({ kind, payload: body }) => ({ kind, ...(JSON.parse(body ?? '{}') as object) }));
    const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
    const options = { correlationId: 'c', traceId: 't', idempotencyKey: 'k' };
    const { messageId } = await one.send(target.process(two.pid), payload.text('hi'), options);
    expect(entries()).toEqual([
      {
        kind: 'ipc.send',
        from: one.pid,
        target: `Process(${two.pid})`,
        payload_type: 'text',
        msg_id: messageId,
        digest: digest('hi'),
        correlation_id: 'c',
        trace_id: 't',
      },
      { kind: 'ipc.outcome', msg_id: messageId, delivered: 1 },
    ]);
    const again = await one.send(target.process(two.pid), payload.text('hi'), options);
    expect(entries()[1]).toEqual({ kind: 'ipc.outcome', msg_id: again.messageId, delivered: 0, duplicates: 1 });
    await one.publish('news', payload.text('1'));
    const second = await one.publish('news', payload.text('2'));
    expect(entries()[1]).toEqual({
      kind: 'ipc.outcome',
      msg_id: second.messageId,
      delivered: 1,
      rejected: [{ pid: full.pid, code: 'ERR_INBOX_FULL' }],
      rejected_count: 1,
      sequence: 2,
    });
    await expect(one.send(target.process(1000), payload.text('x'))).rejects.toMatchObject({
      code: 'ERR_PROCESS_NOT_FOUND',
    });
    expect(entries()[1]).toMatchObject({ kind: 'ipc.outcome', delivered: 0, code: 'ERR_PROCESS_NOT_FOUND' });
  });

  it('delivers after the intent is on the disk, and reports after the outcome is, under fsync always', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agentwire-fsync-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'chain');
    const chain = createChain({ key: new Uint8Array(16), path, fsync: 'always' });
    const kinds = (): unknown[] =>
      readFileSync(path, 'utf8')
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => (JSON.parse(line) as { kind: unknown }).kind);
    let there: unknown[] = [];
    const { add } = createTeam({ chain, kernelHandler: () => void (there = kinds()) });
    await add('one').send(target.kernel, payload.text('x'));
    expect(there).toEqual(['ipc.send']);
    expect(kinds()).toEqual(['ipc.send', 'ipc.outcome']);
    await chain.close();
  });

  it.each(['interval', 'never'] as const)('waits for no disk under fsync %s', async (fsync) => {
    const folder = mkdtempSync(join(tmpdir(), 'agentwire-fsync-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'chain');
    const chain = createChain({ key: new Uint8Array(16), path, fsync, clock: createManualClock() });
    const { add } = createTeam({ chain, kernelHandler: () => undefined });
    expect(await add('one').send(target.kernel, payload.text('x'))).toMatchObject({ delivered: 1 });
    expect(readFileSync(path, 'utf8')).toBe('');
    await chain.close();
    expect(verifyChainFile(path, { key: new Uint8Array(16) })).toMatchObject({ ok: true, entries: 3 });
  });

  it('delivers nothing that it cannot record', async () => {
    const chain = createChain({ key: new Uint8Array(16) });
    const { add } = createTeam({ chain });
    const [one, two] = [add('one'), add('two')];
    await chain.close();
    await expect(one.send(target.process(two.pid), payload.text('x'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(two.inbox.size).toBe(0);
  });
});
