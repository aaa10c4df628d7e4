import { expect, test } from 'vitest';
import { LiveSpans } from '../src/live-spans.ts';

const spanOf = (id: string) => ({ traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203${id}-01` });

test('finds each span by its traceparent until it is removed', () => {
  const live = new LiveSpans();
  const all = Array.from({ length: 4_096 }, (_, at) => spanOf(at.toString(16).padStart(3, '0')));
  for (const span of all) live.add(span);
  for (const span of all) expect(live.find(span.traceparent)).toBe(span);
  for (const span of all) live.remove(span);
  for (const span of all) expect(live.find(span.traceparent)).toBeUndefined();
});

test('finds the last of two spans in one slot, which the end of the first does not remove', () => {
  const live = new LiveSpans();
  const [first, second] = [spanOf('abc'), { traceparent: `00-${'1'.repeat(32)}-0000000000000abc-01` }];
  live.add(first);
  live.add(second);
  expect(live.find(first.traceparent)).toBeUndefined();
  live.remove(first);
  expect(live.find(second.traceparent)).toBe(second);
});

test('finds nothing for what is no traceparent', () => {
  const live = new LiveSpans();
  live.add(spanOf('000'));
  for (const text of ['', '00', '\u{ffff}'.repeat(55), 'f'.repeat(600)]) expect(live.find(text)).toBeUndefined();
});
