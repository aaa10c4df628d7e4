import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import type { Received } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { allow, block, defineAgent, type HandlerContext } from '../../src/index.ts';
import { AgentRuntime } from '../../src/runtime/agent-runtime.ts';
import { EncodingConnection } from './encoding-connection.ts';
import { chunk, head, response, settled } from '../events.ts';
import { FakeConnection, RELEASED } from '../fake-connection.ts';

interface Noted {
  readonly note: string;
}

/** Summary of the request that a later event sees. */
function seen(context: HandlerContext<Noted>): string {
  const { request, state, ambiguous } = context;
  const body = request?.hasBody === true ? 'body' : 'no body';
  return [request?.uri, request?.method, request?.headers.get('x-n'), body, state?.note, ambiguous].join(' ');
}

/** The contexts of the last heads whose handlers kept theirs. */
type Kept = HandlerContext<Noted>[];

interface Bounds {
  readonly maxTrackedRequests: number;
  readonly requestStateTtlMs: number;
}

/** Soon reached by count and by age. */
const TIGHT: Bounds = { maxTrackedRequests: 6, requestStateTtlMs: 1_000 };
/** Never reached. */
const WIDE: Bounds = { maxTrackedRequests: 1_000, requestStateTtlMs: 1e6 };

function agentFor(kept: Kept, bounds: Bounds) {
  return defineAgent<Noted>({
    name: 'test',
    version: '1',
    ...bounds,
    onRequestHeaders(request, context) {
      const [, what] = request.path.split('/');
      if (what === 'state') context.state = { note: request.uri };
      if (what === 'late') kept.push(context);
      if (what === 'block') return block();
      if (what === 'more') return allow().needsMoreBody();
      if (what === 'throw') throw new Error('as the path asked');
      if (what === 'async') return Promise.resolve(request.uri.endsWith('0') ? block() : allow());
      return allow().withTag(String(request.hasBody));
    },
    onRequestBodyChunk: (_, context) => allow().withTag(seen(context)),
    onResponseHeaders: (_, context) => allow().withTag(seen(context)),
    onRequestComplete() {},
  });
}

type Step =
  | { readonly head: string; readonly id: string; readonly at: 0 | 1 }
  | { readonly event: 'response' | 'chunk' | 'complete'; readonly id: string; readonly at: 0 | 1 }
  | { readonly waitMs: number }
  | 'note late';

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const at = fc.constantFrom(0 as const, 1 as const);
const kind = fc.constantFrom('plain', 'plain', 'plain', 'state', 'late', 'block', 'more', 'throw', 'async');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ head: kind, id, at }) },
  { weight: 3, arbitrary: fc.record({ event: fc.constantFrom('response', 'chunk', 'complete'), id, at }) },
  { weight: 1, arbitrary: fc.record({ waitMs: fc.constantFrom(100, 400, 1_000) }) },
  { weight: 1, arbitrary: fc.constant<Step>('note late') },
);

interface World {
  readonly clock: ManualClock;
  readonly runtime: AgentRuntime;
  readonly connections: readonly FakeConnection[];
  readonly kept: Kept;
}

function world(Kind: typeof FakeConnection, bounds: Bounds): World {
  const clock = createManualClock();
  const kept: Kept = [];
  const options = { clock, logger: silentLogger };
  const runtime = new AgentRuntime(agentFor(kept, bounds), { ...options, challengeFallback: 'none' });
  const connections = [0, 1].map(() => new Kind(runtime, { ...RELEASED, name: 'some-proxy' }, options));
  return { clock, runtime, connections, kept };
}

function messageOf(one: Exclude<Step, 'note late' | { waitMs: number }>, number: number): Received {
  if ('head' in one) return head(one.id, { uri: `/${one.head}/${number}`, headers: ['x-n', `${number}`] });
  if (one.event === 'response') return response(one.id);
  if (one.event === 'chunk') return chunk(one.id, 0, 'abc', true);
  return {
    type: 'requestComplete',
    id: one.id,
    status: 200,
    durationMs: 1,
    requestBodySize: 0,
    responseBodySize: 0,
    upstreamAttempts: 1,
  };
}

/** Every head with an id of its own, and every other event with that of the last one. */
function withOwnIds(steps: readonly Step[]): Step[] {
  const last = new Map<string, string>();
  return steps.map((one, number) => {
    if (one === 'note late' || 'waitMs' in one) return one;
    if ('head' in one) last.set(one.id, `${one.id}${number}`);
    return { ...one, id: last.get(one.id) ?? one.id };
  });
}

async function play({ clock, runtime, connections, kept }: World, steps: readonly Step[]): Promise<unknown> {
  const sizes: number[] = [];
  for (const [number, one] of steps.entries()) {
    if (one === 'note late') {
      const late = kept.shift();
      if (late !== undefined) late.state = { note: 'late' };
    } else if ('waitMs' in one) clock.advance(one.waitMs);
    else connections[one.at]?.receive(messageOf(one, number));
    await settled();
    // no two requests are equally old
    clock.advance(1);
    sizes.push(runtime.scopes.tracked);
  }
  return { answers: connections.map((connection) => connection.answers), sizes };
}

describe('requests that are stored as bytes', () => {
  // a request in the compact cache ages by itself, one among the objects together with the others of its id
  test.each([
    { when: 'with ids of their own, up to the bounds and past them', bounds: TIGHT, own: true },
    { when: 'with ids that several of them have', bounds: WIDE, own: false },
  ])('are to every later event what they are as objects, $when', async ({ bounds, own }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (given) => {
        const steps = own ? withOwnIds(given) : given;
        const compact = await play(world(EncodingConnection, bounds), steps);
        expect(compact).toEqual(await play(world(FakeConnection, bounds), steps));
      }),
      { numRuns: 200 },
    );
  });

  test('are decoded again once more recent ones have replaced their objects', () => {
    const clock = createManualClock();
    const agent = defineAgent<Noted>({
      name: 'test',
      version: '1',
      onRequestHeaders: () => allow(),
      onResponseHeaders: (_, context) => allow().withTag(seen(context)),
    });
    const runtime = new AgentRuntime(agent, { clock, logger: silentLogger, challengeFallback: 'none' });
    const from = new EncodingConnection(runtime, { ...RELEASED, name: 'some-proxy' }, { clock });
    for (let i = 0; i < 500; i++) from.receive(head(`${i}`, { uri: `/${i}`, headers: ['x-n', `${i}`] }));
    expect(runtime.scopes.tracked).toBe(500);
    for (const number of [499, 3]) from.receive(response(`${number}`));
    expect(from.answers.slice(500)).toMatchObject([
      { audit: { tags: ['/499 POST 499 body  false'] } },
      { audit: { tags: ['/3 POST 3 body  false'] } },
    ]);
    expect([from.decodeCount, runtime.scopes.tracked]).toEqual([1, 498]);
  });
});
