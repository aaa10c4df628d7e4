import { join } from 'node:path';
import { AgentwireError } from '@agentwire/core';
import { describe, expect, it } from 'vitest';
import {
  composeGates,
  createA2ARouter,
  createChain,
  createMessage,
  createSupervisor,
  DeadLetters,
  payload,
  ProcessTable,
  ServiceRegistry,
  target,
  TopicRouter,
  verifyChainFile,
} from '../src/index.ts';
import { newFolder } from './folder.ts';

type Options = Readonly<Record<string, unknown>>;

const router = createA2ARouter({
  kernelHandler: () => undefined,
  processTable: new ProcessTable({ capacity: 10_000 }),
});
const add = (): number => router.processTable.insert({ agentId: 'agent' });
const pid = add();
const endpoint = router.register(pid);
/** One whose inbox ends at once. */
const closed = router.register(add());
router.removeInbox(closed.pid);
const key = new Uint8Array(32);
const path = join(newFolder(), 'audit.ndjson');
createChain({ key, path })
  .close()
  .catch(() => undefined);

/** Each public function that takes options: how it is called with them, and a right value of each. */
const TAKERS: Readonly<Record<string, readonly [(options: never) => unknown, Options]>> = {
  createA2ARouter: [
    createA2ARouter,
    {
      processTable: new ProcessTable(),
      topicRouter: new TopicRouter(),
      serviceRegistry: new ServiceRegistry(),
      gate: { check: () => ({ kind: 'permit' }) },
      gateTimeoutMs: 10,
      deferMode: 'mark',
      checkContracts: 'both',
      interceptors: [],
      maxParked: 1,
      parkTimeoutMs: 1,
      chain: createChain({ key }),
      acceptRemote: () => undefined,
      kernelHandler: () => undefined,
      deadLetters: new DeadLetters(),
      inbox: { capacity: 1 },
      maxPendingRequests: 1,
      rememberedKeys: 1,
      metrics: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
      logger: console,
      clock: undefined,
      backend: undefined,
      tracer: undefined,
      capabilityChecker: undefined,
    },
  ],
  'inbox of a process': [
    (options) => router.register(add(), options),
    { capacity: 1, maxBytes: 1024, overflow: 'block', blockMs: 1, maxBlocked: 1, signalCapacity: 1 },
  ],
  ProcessTable: [(options) => new ProcessTable(options), { capacity: 1, logger: console }],
  'processTable.insert': [
    (options: Options) => new ProcessTable().insert({ agentId: 'a', ...options }),
    { agentId: 'a', parent: 0, capabilities: {}, state: 'starting' },
  ],
  capabilities: [
    (options) => router.processTable.setCapabilities(add(), options),
    {
      canSpawn: true,
      canIpc: true,
      canExecTools: false,
      canNetwork: true,
      ipcScope: { kind: 'restricted', pids: [1] },
      maxMemoryBytes: 1,
      maxCpuTimeMs: 1,
      maxToolCalls: 0,
      maxMessages: Infinity,
    },
  ],
  TopicRouter: [(options) => new TopicRouter(options), { maxSubscriptions: 1, maxKeptTopics: 1 }],
  'topicRouter.keep': [(options) => new TopicRouter().keep('t', options), { retain: true, history: 3 }],
  subscribe: [(options) => router.subscribe(pid, 't', options), { retained: true, fromSequence: 0 }],
  ServiceRegistry: [(options) => new ServiceRegistry(options), { maxServices: 1, maxOwners: 1 }],
  provide: [
    (options) => new ServiceRegistry().register('s', 1, options),
    { methods: ['m'], balance: 'leastQueued', version: '1.0.0', description: 'd', metadata: { a: 'b' } },
  ],
  DeadLetters: [
    (options) => new DeadLetters(options),
    { capacity: 0, maxBytes: 1024, maxPerSource: 1, clock: undefined },
  ],
  'deadLetters.list': [(options) => new DeadLetters().list(options), { recipient: 1, reason: 'timeout', limit: 1 }],
  receive: [(options) => closed.inbox.receive(options), { timeoutMs: 0, signal: AbortSignal.abort() }],
  serve: [(options) => closed.serve(() => undefined, options), { concurrency: 1, signal: AbortSignal.abort() }],
  request: [
    (options) => endpoint.request(target.process(9), payload.text(''), options),
    { timeoutMs: 1, signal: AbortSignal.abort() },
  ],
  requestMany: [
    (options) => endpoint.requestMany(target.topic('t'), payload.text(''), options),
    { timeoutMs: 1, signal: AbortSignal.abort(), max: 1, stallMs: 1 },
  ],
  requestStream: [
    (options) => endpoint.requestStream(target.process(9), payload.text(''), options).next(),
    { timeoutMs: 1, signal: AbortSignal.abort(), window: 1 },
  ],
  'message of send': [
    (options) => endpoint.send(target.kernel, payload.text(''), options),
    {
      correlationId: 'c',
      traceId: 't',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      deadline: 8e15,
      idempotencyKey: 'k',
      priority: 'high',
      durable: true,
    },
  ],
  'message of request': [
    (options) => endpoint.request(target.kernel, payload.text(''), { timeoutMs: 1 }, options),
    { traceId: 't', deadline: 8e15, priority: 'high' },
  ],
  createMessage: [
    (options) => router.send(createMessage(pid, target.kernel, payload.text(''), options)),
    { traceId: 't', deadline: 8e15, durable: true },
  ],
  createChain: [
    (options: Options) => createChain({ key, ...options }),
    {
      key,
      chainId: 7,
      format: 2,
      fsync: 'never',
      flushMs: 1,
      maxPendingBytes: 4096,
      keep: 1,
      logger: console,
      onHead: () => undefined,
    },
  ],
  verifyChainFile: [
    (options) => verifyChainFile(path, options),
    { key, chainId: 0, segments: true, head: `0:${'0'.repeat(64)}` },
  ],
  createSupervisor: [
    (options: Options) => createSupervisor(router, { children: [], ...options }),
    { children: [], strategy: 'one-for-all', maxRestarts: 0, withinMs: 1, onGiveUp: () => undefined, logger: console },
  ],
  'child of a supervisor': [
    (options: Options) =>
      createSupervisor(router, {
        children: [{ id: 'c', spec: { agentId: 'a' }, start: () => undefined, ...options }],
      }).close(),
    { id: 'c', spec: { agentId: 'a' }, restart: 'temporary', inbox: {}, start: () => undefined },
  ],
};

/** Values that no option has, whatever its type; `true` is one for all but those that are true or false. */
const WRONG: readonly unknown[] = [Number.NaN, -1.5, Symbol('s'), '\0', () => 1, [Number.NaN], null];

/** Calls that need more than what is tested. */
const SPREAD = new Set(['processTable.insert', 'createChain', 'createSupervisor', 'child of a supervisor']);

/** Options that take everything of a kind: a text with a NUL is a text. */
const TEXTS = new Set(['correlationId', 'traceId', 'idempotencyKey', 'description', 'agentId', 'id']);

async function outcome(call: (options: never) => unknown, options: unknown): Promise<unknown> {
  try {
    return await call(options as never);
  } catch (error) {
    return error;
  }
}

function isRefusal(found: unknown): boolean {
  return found instanceof AgentwireError && found.code === 'ERR_INVALID_ARGUMENT';
}

describe.each(Object.entries(TAKERS))('options: %s', (taker, [call, right]) => {
  it('takes right values, and undefined for the default', async () => {
    expect(isRefusal(await outcome(call, right))).toBe(false);
    const unset = Object.fromEntries(Object.keys(right).map((name) => [name, undefined]));
    const required = new Set(['agentId', 'id', 'spec', 'start', 'key', 'children']);
    expect(
      isRefusal(
        await outcome(call, {
          ...unset,
          ...Object.fromEntries(Object.entries(right).filter(([name]) => required.has(name))),
        }),
      ),
    ).toBe(false);
  });

  it('refuses what is no such value, with its name, and keys that it does not know', async () => {
    for (const name of Object.keys(right)) {
      for (const value of WRONG) {
        const isText = typeof value === 'string' && TEXTS.has(name);
        const isFunction = typeof value === 'function' && typeof (right[name] ?? 0) === 'function';
        if (isText || isFunction) continue;
        const found = await outcome(call, { ...right, [name]: value });
        expect([name, typeof value, isRefusal(found) ? 'refused' : found]).toEqual([name, typeof value, 'refused']);
      }
    }
    const unknown = await outcome(call, { ...right, unheardOf: 1 });
    expect(unknown).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('"unheardOf"') });
    if (SPREAD.has(taker)) return;
    for (const options of [5, 'x', [], null]) expect(isRefusal(await outcome(call, options))).toBe(true);
  });
});

describe('arguments that are no options', () => {
  it.each<readonly [string, () => unknown]>([
    ['a gate', () => composeGates({} as never)],
    ['a gate set later', () => createA2ARouter().setGate({} as never)],
    ['a registry', () => createA2ARouter().withServiceRegistry({} as never)],
    ['a table', () => createA2ARouter({ processTable: {} as never })],
    ['a pattern', () => router.subscribe(pid, 5 as never)],
    ['a link', () => router.links.link(pid, null as never)],
    ['a monitor', () => router.links.monitor(Number.NaN, pid)],
    ['an exit listener', () => router.processTable.onExit(5 as never)],
    ['a state', () => router.processTable.updateState(pid, 'gone' as never)],
    ['an exit code', () => router.processTable.updateState(pid, 'exited', Number.NaN)],
    ['a handler', () => endpoint.serve(5 as never)],
    ['a path', () => verifyChainFile(5 as never)],
    ['a message', () => router.send(5 as never)],
    ['a target', () => endpoint.send(5 as never, payload.text(''))],
    ['a payload', () => endpoint.send(target.kernel, 5 as never)],
    ['a decision', () => router.resolveDeferred('x', { kind: 'defer' })],
  ])('%s of another kind is refused', async (_name, call) => {
    expect(await outcome(call, undefined)).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});
