import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createManualClock } from '@agentwire/core/testing';
import {
  createA2ARouter,
  createMessage,
  type KernelMessage,
  payload,
  type ReceivedMessage,
  target,
} from '../../src/index.ts';
import { RUNS } from '../runs.ts';

type Step =
  | {
      readonly do: 'ask';
      readonly from: number;
      readonly to: number;
      readonly abort: boolean;
      readonly timeoutMs: number;
    }
  | { readonly do: 'reply' | 'forge' | 'duplicate'; readonly pick: number }
  | { readonly do: 'take'; readonly pid: number }
  | { readonly do: 'abort'; readonly pick: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'exit' | 'replace' | 'remove'; readonly pid: number };

const pid = fc.integer({ min: 1, max: 4 });
const pick = fc.nat({ max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      from: pid,
      to: pid,
      abort: fc.boolean(),
      timeoutMs: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('take' as const), pid }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('reply' as const, 'forge' as const, 'duplicate' as const), pick }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 40 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('exit' as const, 'replace' as const, 'remove' as const), pid }),
  },
);

it(
  'ends every request exactly once, by its own answer or with a code, and leaves nothing behind',
  { timeout: 900_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), fc.scheduler(), async (steps, scheduler) => {
        const clock = createManualClock();
        const gateTurn = scheduler.scheduleFunction(() => Promise.resolve({ kind: 'permit' as const }));
        let asked = 0;
        // Every third message meets a gate that takes its time, so that sends interleave.
        const router = createA2ARouter({
          clock,
          gateTimeoutMs: 600_000,
          gate: { check: () => ((asked += 1) % 3 === 0 ? gateTurn() : { kind: 'permit' }) },
        });
        const inboxes = new Map(
          [1, 2, 3, 4].map((n) => [router.processTable.insert({ agentId: `a${n}` }), router.createInbox(n)]),
        );
        const taken: ReceivedMessage[] = [];
        const live: { readonly abort: AbortController; readonly done: Promise<void> }[] = [];
        const outcomes = new Map<string, number>();
        const alive = (n: number): boolean => router.processTable.get(n)?.state === 'running';
        const swallow = (): undefined => undefined;
        for (const now of steps) {
          if (now.do === 'ask') {
            const abort = new AbortController();
            const message = createMessage(now.from, target.process(now.to), payload.text('?'), {}, clock);
            const options = { timeoutMs: now.timeoutMs, ...(now.abort ? { signal: abort.signal } : {}) };
            const ended = (): unknown => outcomes.set(message.id, (outcomes.get(message.id) ?? 0) + 1);
            const check = (reply: KernelMessage): void => {
              ended();
              expect(reply).toMatchObject({
                from: now.to,
                correlationId: message.id,
                payload: { text: `answer to ${message.id}` },
              });
            };
            live.push({ abort, done: router.request(message, options).then(check, ended).then(swallow) });
          } else if (now.do === 'take') {
            const message = inboxes.get(now.pid)?.poll();
            if (message?.correlationId === undefined && message !== undefined) taken.push(message);
          } else if (now.do === 'abort') live[now.pick % Math.max(1, live.length)]?.abort.abort();
          else if (now.do === 'advance') clock.advance(now.ms);
          else if (now.do === 'exit') {
            if (alive(now.pid)) router.processTable.updateState(now.pid, 'exited', 1);
          } else if (now.do === 'replace') {
            if (alive(now.pid)) inboxes.set(now.pid, router.createInbox(now.pid));
          } else if (now.do === 'remove') router.removeInbox(now.pid);
          else if ('pick' in now) {
            const message = taken[now.pick % Math.max(1, taken.length)];
            if (message === undefined) continue;
            const answer = payload.text(`answer to ${message.id}`);
            if (now.do === 'forge') {
              const liar = message.target.kind === 'process' ? (message.target.pid % 4) + 1 : 1;
              const forged = createMessage(
                liar,
                target.process(message.from),
                payload.text('lie'),
                { correlationId: message.id },
                clock,
              );
              void router.send(forged).catch(swallow);
              router.tryCompleteRequest(forged);
            } else {
              void message.reply(answer).catch(swallow);
              if (now.do === 'duplicate') void message.reply(answer).catch(swallow);
            }
          }
          if (scheduler.count() > 0 && asked % 2 === 0) await scheduler.waitOne();
        }
        await scheduler.waitIdle();
        clock.advance(200);
        await scheduler.waitIdle();
        await Promise.all(live.map(({ done }) => done));
        expect(router.pendingRequestCount).toBe(0);
        expect(outcomes.size).toBe(live.length);
        for (const count of outcomes.values()) expect(count).toBe(1);
        expect(clock.pendingTimers).toBe(0);
        await router.close();
      }),
      { numRuns: RUNS },
    );
  },
);
