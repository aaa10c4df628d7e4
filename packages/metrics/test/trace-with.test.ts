import type { Tracer } from '@agentwire/core';
import { context, createContextKey, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AlwaysOnSampler, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { activeTraceId, MetricsCollector, traceWith } from '../src/index.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const parentOf = (flags: string): string => `00-${TRACE}-b7ad6b7169203331-${flags}`;
const begin = (tracer: Tracer, parent?: string) => tracer.startSpan('x', { kind: 'client', parent, attributes: {} });

afterEach(() => {
  trace.disable();
  context.disable();
});

/** Registers an SDK. @returns names of the spans that ended */
function register(): string[] {
  const ended: string[] = [];
  const spanProcessor = {
    onStart: () => undefined,
    onEnd: ({ name }: { name: string }) => void ended.push(name),
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  new NodeTracerProvider({ sampler: new AlwaysOnSampler(), spanProcessors: [spanProcessor] }).register();
  return ended;
}

describe('traceWith', () => {
  test('begins no span without an SDK, and does from the moment that one is registered', () => {
    const tracer = traceWith(trace.getTracer('early'));
    expect(tracer.isIdle).toBe(true);
    expect(begin(tracer)).toBeUndefined();
    expect(begin(tracer, parentOf('01'))).toBeUndefined();
    const ended = register();
    expect(tracer.isIdle).toBe(false);
    begin(tracer)?.end();
    expect(ended).toEqual(['x']);
  });

  test('asks a tracer that is not of the API, registered or not', () => {
    const startSpan = vi.fn(() => trace.wrapSpanContext({ traceId: TRACE, spanId: 'b7ad6b7169203332', traceFlags: 0 }));
    const tracer = traceWith({ startSpan, startActiveSpan: startSpan });
    const span = begin(tracer, parentOf('01'));
    expect(span).toMatchObject({ isRecording: false, traceparent: `00-${TRACE}-b7ad6b7169203332-00` });
    expect(startSpan).toHaveBeenCalledOnce();
  });

  test('obeys a parent that is not sampled without asking the SDK, and asks with unsampledParents: ask', () => {
    const ended = register();
    const dropped = begin(traceWith(trace.getTracer('x')), parentOf('00'));
    expect(dropped).toMatchObject({ isRecording: false, traceparent: parentOf('00') });
    // what is instrumented below must obey it too
    expect(dropped?.run(() => trace.getActiveSpan()?.spanContext())).toMatchObject({ traceId: TRACE, traceFlags: 0 });
    dropped?.end();
    expect(ended).toEqual([]);
    const asked = begin(traceWith(trace.getTracer('x'), { unsampledParents: 'ask' }), parentOf('00'));
    expect(asked).toMatchObject({ isRecording: true });
    asked?.end();
    expect(ended).toEqual(['x']);
  });

  test('begins a trace of its own for a parent that is none', () => {
    register();
    const span = begin(traceWith(trace.getTracer('x')), 'no traceparent');
    expect(span?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  test('makes spans whose trace is that of the exemplars, where they are sampled', () => {
    const metrics = new MetricsCollector({ traceId: activeTraceId });
    const observe = (seconds: number): void =>
      metrics.observe('agent_request_duration_seconds', { agent: 'a' }, seconds);
    observe(0.003);
    register();
    const tracer = traceWith(trace.getTracer('x'));
    begin(tracer, parentOf('01'))?.run(() => observe(0.004));
    begin(tracer, parentOf('00'))?.run(() => observe(0.2));
    const page = metrics.exportPrometheus('openmetrics');
    expect(page.match(/trace_id="\w*"} [\d.]+/g)).toEqual([`trace_id="${TRACE}"} 0.004`]);
  });

  test('takes known options only', () => {
    expect(() => traceWith(trace.getTracer('x'), { unsampledParents: 'no' as 'ask' })).toThrow('unsampledParents');
    expect(() => traceWith(trace.getTracer('x'), { other: 1 } as object)).toThrow('other');
  });

  test('runs with the other values of the context, and a context under it keeps no span before it', () => {
    register();
    const tracer = traceWith(trace.getTracer('x'));
    const key = createContextKey('test');
    const seen = context.with(ROOT_CONTEXT.setValue(key, 1), () =>
      begin(tracer)?.run(() => {
        const outer = context.active();
        return begin(tracer)?.run(() => {
          const inner = context.active();
          const more = inner.setValue(key, 2);
          return [outer, inner, more, inner.deleteValue(key)].map((one) => [
            one.getValue(key),
            trace.getSpan(one)?.spanContext().spanId,
          ]);
        });
      }),
    );
    const [outer, inner, more, less] = seen ?? [];
    expect([outer?.[0], inner?.[0], more?.[0], less?.[0]]).toEqual([1, 1, 2, undefined]);
    expect(new Set([inner?.[1], more?.[1], less?.[1]]).size).toBe(1);
    expect(outer?.[1]).not.toBe(inner?.[1]);
  });
});
