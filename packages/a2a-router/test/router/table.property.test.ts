import { AgentwireError } from '@agentwire/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type A2ARouter,
  ChainManager,
  createA2ARouter,
  createMessage,
  payload,
  scope,
  type SendReport,
  type Target,
  target,
} from '../../src/index.ts';
import type { IpcScope, ProcessState } from '../../src/internal.ts';
import { RUNS } from '../runs.ts';

const PARENT = 1;
const SENDER = 2;
const OTHER = 3;
const THIRD = 4;
const MISSING = 99;
const key = new Uint8Array(32).fill(1);

interface Receiver {
  readonly state: ProcessState;
  readonly inbox: 'none' | 'free' | 'full';
  readonly subscribed: boolean;
  readonly owner: boolean;
}
interface World {
  readonly scope: IpcScope;
  readonly canIpc: boolean;
  readonly senderState: ProcessState;
  readonly quotaLeft: boolean;
  readonly receivers: readonly [Receiver, Receiver, Receiver];
  readonly target: Target;
  readonly kernelHandler: boolean;
}

const states: readonly ProcessState[] = ['starting', 'running', 'suspended', 'stopping', 'exited'];
const pids = [PARENT, OTHER, THIRD];
const receiver = fc.record<Receiver>({
  state: fc.constantFrom(...states),
  inbox: fc.constantFrom('none', 'free', 'full'),
  subscribed: fc.boolean(),
  owner: fc.boolean(),
});
const world = fc.record<World>({
  scope: fc.oneof(
    fc.constantFrom(scope.all, scope.parentOnly, scope.none),
    fc.subarray([0, ...pids, SENDER, MISSING]).map(scope.restricted),
    fc.subarray(['news.world', 'news.*', 'other', '>']).map(scope.topic),
  ),
  canIpc: fc.boolean(),
  senderState: fc.oneof({ weight: 4, arbitrary: fc.constant<ProcessState>('running') }, fc.constantFrom(...states)),
  quotaLeft: fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, fc.constant(false)),
  receivers: fc.tuple(receiver, receiver, receiver),
  target: fc.oneof(
    fc.constantFrom(...pids, SENDER, MISSING, 0).map(target.process),
    fc.constantFrom('news.world', 'news', 'other').map(target.topic),
    fc.constant(target.broadcast),
    fc.constantFrom('answers', 'unknown').map(target.service),
    fc.constantFrom('ask', 'unknown').map((method) => target.serviceMethod('answers', method)),
    fc.constant(target.kernel),
    fc.constant(target.remoteNode('far', target.process(OTHER))),
  ),
  kernelHandler: fc.boolean(),
});

/** Table of the design; written from the text and not from the code. */
function expected(
  w: World,
):
  | { readonly throws: string }
  | { readonly got: readonly number[]; readonly refused: Readonly<Record<number, string>> } {
  const info = (pid: number): Receiver | undefined => w.receivers[pids.indexOf(pid)];
  if (w.senderState !== 'running') return { throws: 'ERR_INVALID_STATE' };
  if (!w.quotaLeft) return { throws: 'ERR_CAPABILITY_DENIED' };
  const reaches = (pid: number): boolean =>
    w.canIpc &&
    (w.scope.kind === 'all' ||
      (w.scope.kind === 'parentOnly' && pid === PARENT) ||
      (w.scope.kind === 'restricted' && w.scope.pids.includes(pid)));
  const inboxOf = (pid: number): string | undefined => {
    if (pid === SENDER) return undefined;
    const r = info(pid);
    if (r === undefined) return 'ERR_PROCESS_NOT_FOUND';
    if (r.state === 'exited') return 'ERR_INBOX_CLOSED';
    if (r.inbox === 'none') return 'ERR_NO_INBOX';
    return r.inbox === 'full' ? 'ERR_INBOX_FULL' : undefined;
  };
  const one = (pid: number): ReturnType<typeof expected> => {
    const code = inboxOf(pid);
    return code === undefined ? { got: [pid], refused: {} } : { throws: code };
  };
  const many = (all: readonly number[], allowed: (pid: number) => boolean): ReturnType<typeof expected> => {
    const refused: Record<number, string> = {};
    const got: number[] = [];
    for (const pid of all) {
      const code = allowed(pid) ? inboxOf(pid) : 'ERR_CAPABILITY_DENIED';
      if (code === undefined) got.push(pid);
      else refused[pid] = code;
    }
    return { got, refused };
  };
  const kernel = (): ReturnType<typeof expected> => {
    if (!reaches(0)) return { throws: 'ERR_CAPABILITY_DENIED' };
    return w.kernelHandler ? { got: [0], refused: {} } : { throws: 'ERR_NO_HANDLER' };
  };
  const to = w.target;
  switch (to.kind) {
    case 'process':
      if (to.pid === 0) return kernel();
      return reaches(to.pid) ? one(to.pid) : { throws: 'ERR_CAPABILITY_DENIED' };
    case 'kernel':
      return kernel();
    case 'topic': {
      const named =
        w.scope.kind === 'topic' &&
        w.scope.names.some(
          (name) => name === to.name || name === '>' || (name === 'news.*' && to.name === 'news.world'),
        );
      const may = w.canIpc && w.scope.kind !== 'none' && (w.scope.kind !== 'topic' || named);
      if (!may) return { throws: 'ERR_CAPABILITY_DENIED' };
      // The exited have lost their subscriptions.
      const subscribers =
        to.name === 'news.world' ? pids.filter((pid) => info(pid)?.subscribed && info(pid)?.state !== 'exited') : [];
      return many(subscribers, (pid) => w.scope.kind === 'topic' || reaches(pid));
    }
    case 'broadcast':
      return many(
        pids.filter((pid) => info(pid)?.state !== 'exited' && info(pid)?.inbox !== 'none'),
        reaches,
      );
    case 'service':
    case 'serviceMethod': {
      if (!w.canIpc || w.scope.kind === 'none' || w.scope.kind === 'topic') return { throws: 'ERR_CAPABILITY_DENIED' };
      const known = to.service === 'answers' && (to.kind === 'service' || to.method === 'ask');
      const live = known ? pids.filter((pid) => isLiveOwner(info(pid))) : [];
      const reachable = live.filter(reaches);
      const running = reachable.filter((pid) => info(pid)?.state === 'running');
      const allowed = running.length > 0 ? running : reachable;
      if (live.length === 0) return { throws: 'ERR_SERVICE_NOT_FOUND' };
      if (allowed.length === 0) return { throws: 'ERR_CAPABILITY_DENIED' };
      const free = allowed.find((pid) => inboxOf(pid) === undefined);
      return free === undefined ? { throws: 'ERR_INBOX_FULL' } : { got: [free], refused: {} };
    }
    default:
      return { throws: w.canIpc && w.scope.kind === 'all' ? 'ERR_NO_HANDLER' : 'ERR_CAPABILITY_DENIED' };
  }
}

function isLiveOwner(r: Receiver | undefined): boolean {
  return r !== undefined && r.owner && r.inbox !== 'none' && (r.state === 'running' || r.state === 'suspended');
}

function build(w: World, chain: ChainManager): { readonly router: A2ARouter; readonly kernelGot: string[] } {
  const kernelGot: string[] = [];
  const router = createA2ARouter({
    chain,
    ...(w.kernelHandler ? { kernelHandler: (message) => kernelGot.push(message.id) } : {}),
  });
  const { processTable } = router;
  const moveTo = (pid: number, state: ProcessState): void => {
    if (state === 'suspended' || state === 'stopping') processTable.updateState(pid, 'running');
    if (state !== 'starting') processTable.updateState(pid, state);
  };
  const add = (pid: number): void =>
    void processTable.insertWithPid(pid, { agentId: `agent-${pid}`, state: 'starting' });
  for (const pid of [PARENT, OTHER, THIRD]) add(pid);
  processTable.insertWithPid(SENDER, {
    agentId: 'sender',
    parent: PARENT,
    state: 'starting',
    capabilities: { ipcScope: w.scope, canIpc: w.canIpc, maxMessages: w.quotaLeft ? 1 : 0 },
  });
  router.createInbox(SENDER);
  for (const [at, pid] of pids.entries()) {
    const r = w.receivers[at];
    if (r === undefined) continue;
    if (r.subscribed) router.topicRouter.subscribe(pid, at === 1 ? 'news.>' : 'news.world');
    if (r.owner) router.provide(pid, 'answers', { methods: ['ask'] });
    if (r.inbox !== 'none') {
      const inbox = router.createInbox(pid, { capacity: 1 });
      if (r.inbox === 'full') void inbox.offer(createMessage(0, target.process(pid), payload.text('first')));
    }
    moveTo(pid, r.state);
  }
  moveTo(SENDER, w.senderState);
  return { router, kernelGot };
}

it(
  'delivers exactly when the table says so, and everything else is refused with the right code and audited',
  { timeout: 900_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(world, async (w) => {
        const chain = new ChainManager({ key, keep: 10 });
        const { router, kernelGot } = build(w, chain);
        const before = new Map(pids.map((pid) => [pid, queued(router, pid)]));
        const message = createMessage(SENDER, w.target, payload.text('hello'));
        const result = await router.send(message).catch((error: unknown) => error as AgentwireError);
        const want = expected(w);
        const got = pids.filter((pid) => queued(router, pid) > (before.get(pid) ?? 0));
        if (queued(router, SENDER) > 0) got.push(SENDER);
        if (kernelGot.length > 0) got.push(0);
        const outcome = JSON.parse(chain.tail(1)[0]?.payload ?? '{}') as Record<string, unknown>;
        const intent = JSON.parse(chain.tail(2)[0]?.payload ?? '{}') as Record<string, unknown>;
        expect(intent).toMatchObject({ from: SENDER, msg_id: message.id, payload_type: 'text' });
        expect(outcome).toMatchObject({ msg_id: message.id });
        if ('throws' in want) {
          expect(result).toBeInstanceOf(AgentwireError);
          expect((result as AgentwireError).code).toBe(want.throws);
          expect(got).toEqual([]);
          expect(outcome).toMatchObject({ code: want.throws, delivered: 0 });
        } else {
          const report = result as SendReport;
          if (report instanceof Error) throw report;
          expect(Object.fromEntries(report.rejected.map(({ pid, code }) => [pid, code]))).toEqual(want.refused);
          expect(report.delivered).toBe(want.got.length);
          if (w.target.kind === 'service' || w.target.kind === 'serviceMethod') expect(got).toHaveLength(1);
          else expect(new Set(got)).toEqual(new Set(want.got));
          expect(outcome['delivered']).toBe(want.got.length);
          expect(outcome['rejected'] ?? []).toEqual(report.rejected.map(({ pid, code }) => ({ pid, code })));
        }
        await router.close();
      }),
      { numRuns: RUNS },
    );
  },
);

function queued(router: A2ARouter, pid: number): number {
  return router.queuedMessages(pid);
}
