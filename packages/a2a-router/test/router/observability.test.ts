import type { SpanStart, Tracer } from '@agentwire/core';
import type { MetricLabels } from '@agentwire/core/internal';
import { createManualClock } from '@agentwire/core/testing';
import {
  createA2ARouter,
  gateDecision,
  messageFromJson,
  messageToJson,
  payload,
  ProcessTable,
  scope,
  target,
} from '@agentwire/a2a-router';
import type { RouterSettings } from '@agentwire/a2a-router/internal';
import { describe, expect, it } from 'vitest';

const body = payload.text('hi');
const given = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

interface Span extends SpanStart {
  readonly name: string;
  readonly traceparent: string;
  /** Span that was active when it began. */
  readonly within: string | undefined;
  ended: string | true | undefined;
}

/** Keeps spans in memory; the active one is known as long as an action runs at once. */
function recordSpans(): { readonly spans: Span[]; readonly tracer: Tracer } {
  const spans: Span[] = [];
  let active: string | undefined;
  const tracer: Tracer = {
    startSpan: (name, start) => {
      const id = String(spans.length + 1).padStart(16, '0');
      const traceparent = `${start.parent?.slice(0, 35) ?? `00-${id.repeat(2)}`}-${id}-01`;
      const span: Span = { name, ...start, traceparent, within: active, ended: undefined };
      spans.push(span);
      return {
        traceparent,
        run: (action) => {
          const before = active;
          active = traceparent;
          try {
            return action();
          } finally {
            active = before;
          }
        },
        end: (code) => {
          span.ended = code ?? true;
        },
      };
    },
  };
  return { spans, tracer };
}

function recordMetrics() {
  const counts: Record<string, number> = {};
  const observed: [string, MetricLabels, number][] = [];
  const metrics = {
    count: (name: string, labels: MetricLabels, value = 1): void => {
      const key = `${name} ${Object.values(labels).join()}`;
      counts[key] = (counts[key] ?? 0) + value;
    },
    gauge: () => undefined,
    observe: (name: string, labels: MetricLabels, value: number) => void observed.push([name, labels, value]),
  };
  return { counts, observed, metrics };
}

function team(settings: RouterSettings, count = 3) {
  const router = createA2ARouter({ processTable: new ProcessTable(), ...settings });
  const agents = Array.from({ length: count }, (_, n) =>
    router.register(router.processTable.insert({ agentId: `agent-${n}` })),
  );
  return { router, agents: agents as [(typeof agents)[0], (typeof agents)[0], (typeof agents)[0]] };
}

describe('traceparent', () => {
  it('goes with a message, its answer and the parts of a stream, and into JSON and back', async () => {
    const { agents, router } = team({});
    const [one, two] = agents;
    await one.send(target.process(two.pid), body, { traceparent: given });
    const message = await two.inbox.receive();
    expect(message?.traceparent).toBe(given);
    if (message === undefined) throw new Error('no message');
    expect(messageToJson(message)).toMatchObject({ traceparent: given });
    expect(messageFromJson(messageToJson(message)).traceparent).toBe(given);
    await message.reply(body);
    expect((await one.inbox.receive())?.traceparent).toBe(given);
    const done = two.serve(async ({ expects, reply }) => {
      if (expects !== 'stream') return body;
      await reply.write(body);
      await reply.end();
      return undefined;
    });
    expect((await one.request(target.process(two.pid), body, {}, { traceparent: given })).traceparent).toBe(given);
    for await (const part of one.requestStream(target.process(two.pid), body, {}, { traceparent: given }))
      expect(part.traceparent).toBe(given);
    await router.close();
    await done;
  });

  it('is checked where it is given, and dropped where another node wrote it wrong', async () => {
    const { agents } = team({});
    const [one, two] = agents;
    for (const wrong of ['', given.toUpperCase(), `${given}-x`, given.replace('b7ad6b7169203331', '0'.repeat(16))]) {
      await expect(one.send(target.process(two.pid), body, { traceparent: wrong })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
      await expect(one.request(target.process(two.pid), body, {}, { traceparent: wrong })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
    }
    await one.send(target.process(two.pid), body);
    const message = await two.inbox.receive();
    if (message === undefined) throw new Error('no message');
    expect(messageFromJson({ ...messageToJson(message), traceparent: 'x'.repeat(100) }).traceparent).toBeUndefined();
    expect(messageFromJson({ ...messageToJson(message), traceparent: 7 }).traceparent).toBeUndefined();
  });
});

describe('spans', () => {
  it('follow a request: send, process, and the answer under the handler', async () => {
    const { spans, tracer } = recordSpans();
    const { agents, router } = team({ tracer });
    const [one, two] = agents;
    two.provide('math', { methods: { sum: {} } });
    let seen: string | undefined;
    const done = two.serve((message) => {
      seen = message.traceparent;
      return body;
    });
    const answer = await one.request(target.serviceMethod('math', 'sum'), body, {}, { traceparent: given });
    const [send, process, back] = spans;
    expect(send).toMatchObject({
      name: 'send math.sum',
      kind: 'producer',
      parent: given,
      ended: true,
      attributes: {
        'messaging.system': 'agentwire',
        'messaging.operation.type': 'send',
        'messaging.destination.name': 'math.sum',
        'messaging.message.id': answer.correlationId,
      },
    });
    expect(process).toMatchObject({
      name: 'process math.sum',
      kind: 'consumer',
      parent: send?.traceparent,
      ended: true,
    });
    expect(seen).toBe(process?.traceparent);
    expect(back).toMatchObject({ name: 'send process', parent: process?.traceparent });
    expect(answer.traceparent).toBe(back?.traceparent);
    expect(answer.traceparent?.slice(0, 35)).toBe(given.slice(0, 35));
    await router.close();
    await done;
  });

  it('are linked where a message has several recipients', async () => {
    const { spans, tracer } = recordSpans();
    const { agents, router } = team({ tracer });
    const [one, two, three] = agents;
    for (const subscriber of [two, three]) subscriber.subscribe('news.*');
    let handled = 0;
    const both = Promise.withResolvers<void>();
    const served = [two, three].map((subscriber) =>
      subscriber.serve(() => {
        if ((handled += 1) === 2) both.resolve();
      }),
    );
    await one.publish('news.today', body);
    await both.promise;
    await router.close();
    await Promise.all(served);
    const [send, ...processed] = spans;
    expect(processed).toHaveLength(2);
    for (const span of processed) {
      expect(span).toMatchObject({ name: 'process news.today', links: [send?.traceparent], ended: true });
      expect(span.parent).toBeUndefined();
      expect(span.traceparent.slice(0, 35)).not.toBe(send?.traceparent.slice(0, 35));
    }
  });

  it('end with the code of what went wrong', async () => {
    const { spans, tracer } = recordSpans();
    const { agents, router } = team({ tracer });
    const [one, two] = agents;
    await expect(one.send(target.process(4711), body)).rejects.toMatchObject({ code: 'ERR_PROCESS_NOT_FOUND' });
    expect(spans[0]?.ended).toBe('ERR_PROCESS_NOT_FOUND');
    const done = two.serve(() => {
      throw new Error('no');
    });
    await expect(one.request(target.process(two.pid), body)).rejects.toMatchObject({ code: 'ERR_HANDLER' });
    expect(spans.find(({ name }) => name === 'process process')?.ended).toBe('ERR_HANDLER');
    await router.close();
    await done;
  });

  it('that a tracer makes badly, and tracers that throw, change nothing', async () => {
    const fail = (): never => {
      throw new Error('broken tracer');
    };
    const half: Tracer = { startSpan: () => ({ traceparent: 'nonsense', run: fail, end: fail }) };
    const idle: Tracer = { startSpan: () => ({ traceparent: given, run: () => undefined as never, end: fail }) };
    const metrics = { count: fail, gauge: fail, observe: fail };
    for (const tracer of [half, idle, { startSpan: fail }]) {
      const { agents, router } = team({ tracer, metrics });
      const [one, two] = agents;
      let handled = 0;
      const done = two.serve(() => {
        handled += 1;
        return body;
      });
      expect((await one.request(target.process(two.pid), body)).payload).toEqual(body);
      expect(handled).toBe(1);
      await router.close();
      await done;
    }
  });
});

describe('metrics', () => {
  it('count sends, deliveries and rejections by code, and measure depths and requests', async () => {
    const { counts, observed, metrics } = recordMetrics();
    const clock = createManualClock();
    const gate = {
      check: (agentId: string) => (agentId === 'agent-2' ? gateDecision.deny('no') : gateDecision.permit),
    };
    const { agents, router } = team({ metrics, clock, gate });
    const [one, two, three] = agents;
    await one.send(target.process(two.pid), body);
    await one.send(target.process(two.pid), body);
    await one.send(target.broadcast, body);
    await expect(three.send(target.process(two.pid), body)).rejects.toMatchObject({ code: 'ERR_CAPABILITY_DENIED' });
    const lone = router.register(
      router.processTable.insert({ agentId: 'lone', capabilities: { ipcScope: scope.restricted([two.pid]) } }),
    );
    expect((await lone.send(target.broadcast, body)).rejected).toHaveLength(2);
    expect(counts).toEqual({
      'a2a_sends_total process': 3,
      'a2a_sends_total broadcast': 2,
      'a2a_deliveries_total process': 2,
      'a2a_deliveries_total broadcast': 3,
      'a2a_rejections_total ERR_CAPABILITY_DENIED': 3,
    });
    expect(observed.map(([name, , value]) => [name, value])).toEqual(
      [1, 2, 3, 1, 4].map((depth) => ['a2a_queue_depth', depth]),
    );
    observed.length = 0;
    const answered = lone.inbox.receive().then(async (message) => {
      clock.advance(250);
      await message?.reply(body);
    });
    await one.request(target.process(lone.pid), body);
    await answered;
    const late = one.request(target.process(lone.pid), body, { timeoutMs: 100 });
    clock.advance(100);
    await expect(late).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(observed.filter(([name]) => name === 'a2a_request_duration_seconds')).toEqual([
      ['a2a_request_duration_seconds', { outcome: 'ok' }, 0.25],
      ['a2a_request_duration_seconds', { outcome: 'ERR_TIMEOUT' }, 0.1],
    ]);
    await router.close();
  });

  it('and tracers are checked by type', () => {
    expect(() => createA2ARouter({ metrics: {} as never })).toThrow(/metrics must be an object with the methods/);
    expect(() => createA2ARouter({ tracer: {} as never })).toThrow(/tracer must be an object with the methods/);
  });
});
