import { type AgentwireError, ALLOW, type Decision } from '@agentwire/core';
import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { createManualClock } from '@agentwire/core/testing';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { serveSessions, type SessionListener } from '@agentwire/core/session';
import { FEATURES } from '@agentwire/core';
import { AgentPool } from '@agentwire/pool';
import { CAPABILITIES, head } from './setup.ts';

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('ask' as const), id: fc.nat(12), only: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('answer' as const), pick: fc.nat(8), how: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('next' as const), id: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('abort' as const), pick: fc.nat(8) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), id: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('complete' as const), id: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), pick: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), pick: fc.nat(3), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drainAgent' as const), pick: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('add' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancelAll' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(400) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
);

const EXPECTED = new Set([
  'ERR_ABORTED',
  'ERR_CLOSED',
  'ERR_CONNECT',
  'ERR_DRAINING',
  'ERR_DUPLICATE_REQUEST',
  'ERR_FLOW_PAUSED',
  'ERR_HANDLER',
  'ERR_INVALID_STATE',
  'ERR_OVERLOADED',
  'ERR_TIMEOUT',
  'ERR_UNKNOWN_AGENT',
]);

const summary = { status: 200, durationMs: 1, requestBodySize: 0, responseBodySize: 0, upstreamAttempts: 1 };
const turns = async (rounds: number): Promise<void> => {
  for (let i = 0; i < rounds; i++) await new Promise((resolve) => setImmediate(resolve));
};

type Waiting = { token: string; resolve: (decision: Decision) => void; reject: (error: Error) => void };

test('any order of events, each question has one outcome and nothing is left', async () => {
  const seen: Error[] = [];
  const onUnhandled = (error: Error): void => void seen.push(error);
  process.on('unhandledRejection', onUnhandled);
  onTestFinished(() => void process.off('unhandledRejection', onUnhandled));
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom<'drain' | 'close'>('drain', 'close'),
      fc.boolean(),
      async (steps, end, onlyHeads) => {
        const clock = createManualClock();
        const transport = createMemoryTransport({ clock });
        const events = onlyHeads ? (['requestHeaders', 'requestBodyChunk'] as const) : CAPABILITIES.events;
        const waiting: Waiting[] = [];
        let served = 0;
        let most = 0;
        const self = { role: 'agent' as const, name: 'waf', version: '1', features: FEATURES, encodings: ['json'] };
        const listener: SessionListener = await serveSessions(
          transport,
          'memory:a',
          {
            onEvent: (event, request) => {
              if (event.type === 'requestComplete') return ALLOW;
              served += 1;
              most = Math.max(most, ...[...listener.sessions].map(({ inFlight }) => inFlight + 1));
              const token = event.type === 'requestHeaders' ? event.uri : 'next';
              return new Promise<Decision>((resolve, reject) => {
                waiting.push({ token, resolve, reject });
                request.signal.addEventListener('abort', () => reject(new Error('stopped')));
              });
            },
          },
          { clock, keepalive: false, self: { ...self, capabilities: { ...CAPABILITIES, events } } },
        );
        let recorded = 0;
        const pool = new AgentPool({
          transports: [transport],
          clock,
          connectionsPerAgent: 2,
          maxConcurrentPerConnection: 2,
          maxQueuedPerAgent: 3,
          requestTimeoutMs: 300,
          drainTimeoutMs: 500,
          metrics: {
            count: (name) =>
              void (recorded += Number(name === 'agent_requests_total' || name === 'agent_errors_total')),
            gauge: () => undefined,
            observe: () => undefined,
          },
        });
        const outcomes: Promise<string>[] = [];
        const aborts: AbortController[] = [];
        let asked = 0;
        const follow = (token: string, answer: Promise<Decision>): void => {
          outcomes.push(
            answer.then(
              (decision) => {
                // an answer that reaches another request would have another token
                if (token !== '') expect(decision.audit?.tags).toEqual([token]);
                return 'answered';
              },
              (error: AgentwireError) => error.code,
            ),
          );
        };
        await pool.addAgent('waf', 'memory:a');
        const background: Promise<unknown>[] = [];
        for (const one of steps) {
          const sessions = [...listener.sessions];
          if (one.kind === 'ask') {
            const token = `/${(asked += 1)}`;
            const abort = new AbortController();
            aborts.push(abort);
            follow(token, pool.request('waf', head(one.id, token), { signal: abort.signal, only: one.only }));
          } else if (one.kind === 'next') {
            follow(
              '',
              pool.request('waf', {
                type: 'requestBodyChunk',
                id: one.id,
                index: 0,
                data: new Uint8Array(1),
                last: false,
              }),
            );
          } else if (one.kind === 'answer') {
            const [picked] = waiting.splice(one.pick, 1);
            const tags = { audit: { tags: [picked?.token ?? ''] } };
            if (one.how === 0) picked?.reject(new Error('handler'));
            else picked?.resolve({ ...ALLOW, ...tags, needsMore: one.how === 1 });
          } else if (one.kind === 'abort') aborts.splice(one.pick, 1)[0]?.abort();
          else if (one.kind === 'die') sessions[one.pick]?.connection.abort();
          else if (one.kind === 'pause')
            sessions[one.pick]?.notify({ type: 'flowControl', action: one.on ? 'pause' : 'resume' });
          else if (one.kind === 'drainAgent') sessions[one.pick]?.notify({ type: 'drain' });
          else if (one.kind === 'add') {
            if (!pool.has('waf')) background.push(pool.addAgent('waf', 'memory:a'));
          } else if (one.kind === 'time') clock.advance(one.ms);
          else if (one.kind === 'settle') await turns(3);
          else if (pool.has('waf')) {
            if (one.kind === 'cancel') background.push(pool.cancelRequest('waf', one.id));
            else if (one.kind === 'cancelAll') background.push(pool.cancelAll('waf'));
            else if (one.kind === 'complete') pool.sendRequestComplete('waf', { id: one.id, ...summary });
            else background.push(pool.removeAgent('waf'));
          }
          const stats = pool.stats.agents[0];
          if (stats !== undefined) {
            expect(stats.inFlight).toBeLessThanOrEqual(stats.liveRequests * 60 + 4);
            expect(stats.queued).toBeLessThanOrEqual(3);
          }
        }
        const ended = pool[end]();
        for (let i = 0; i < 4; i++) {
          await turns(2);
          clock.advance(200);
        }
        await turns(4);
        const all = await Promise.all(outcomes);
        await ended;
        await Promise.all(background);
        for (const outcome of all) if (outcome !== 'answered') expect(EXPECTED).toContain(outcome);
        expect(pool.stats.agents).toEqual([]);
        await turns(2);
        await listener.close();
        await turns(2);
        expect(clock.pendingTimers).toBe(0);
        // what reached a session has been counted once, and nothing more often than it was asked
        expect(recorded).toBeGreaterThanOrEqual(all.filter((outcome) => outcome === 'answered').length);
        expect(recorded).toBeLessThanOrEqual(all.length);
        expect(served).toBeLessThanOrEqual(all.length);
      },
    ),
    { numRuns: Number(process.env['AGENTWIRE_RUNS'] ?? 300) },
  );
  expect(seen).toEqual([]);
});
