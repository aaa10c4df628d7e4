import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  createMessage,
  type JsonValue,
  messageFromJson,
  messageToJson,
  type Payload,
  payload,
  type Target,
  target,
} from '../../src/index.ts';
import { payloadFromJson, payloadToJson, targetFromJson, targetToJson } from '../../src/internal.ts';
import { RUNS } from '../runs.ts';

it('writes targets and payloads as the original does', () => {
  expect(targetToJson(target.process(7))).toEqual({ Process: 7 });
  expect(targetToJson(target.broadcast)).toBe('Broadcast');
  expect(targetToJson(target.serviceMethod('auth', 'm'))).toEqual({ ServiceMethod: { service: 'auth', method: 'm' } });
  expect(payloadToJson(payload.text('hi'))).toEqual({ Text: 'hi' });
  expect(payloadToJson(payload.toolCall('grep', { q: 1 }))).toEqual({ ToolCall: { name: 'grep', args: { q: 1 } } });
  const json = messageToJson(createMessage(1, target.kernel, payload.signal('Kill')));
  expect(Object.keys(json as object)).toEqual(['id', 'from', 'target', 'payload', 'timestamp']);
});

// JSON.parse of V8 in Node 24 and 26 reads the key `"` as `\\` once an object with the key `\\` was seen: such keys prove nothing here.
const hasOddKey = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).some(([key, inner]) => /["\\]/.test(key) || hasOddKey(inner));
const json = fc.jsonValue().filter((value) => !hasOddKey(value)) as fc.Arbitrary<JsonValue>;
const anyTarget = fc.oneof<fc.Arbitrary<Target>[]>(
  fc.nat().map(target.process),
  fc.string().map(target.topic),
  fc.constantFrom(target.broadcast, target.kernel),
  fc.string().map(target.service),
  fc.tuple(fc.string(), fc.string()).map(([service, method]) => target.serviceMethod(service, method)),
  fc.tuple(fc.string(), fc.nat()).map(([node, pid]) => target.remoteNode(node, target.process(pid))),
);
const anyPayload = fc.oneof<fc.Arbitrary<Payload>[]>(
  fc.string().map(payload.text),
  json.map(payload.json),
  fc.tuple(fc.string(), json).map(([name, args]) => payload.toolCall(name, args)),
  fc.tuple(fc.string(), json).map(([id, result]) => payload.toolResult(id, result)),
  fc.string().map((name) => payload.signal(name)),
  fc.tuple(fc.stringMatching(/^[A-Za-z]+$/), json).map(([name, detail]) => payload.signal(name, detail)),
  fc.uint8Array().map(payload.binary),
);

it('reads what it writes', { timeout: 600_000 }, () => {
  fc.assert(
    fc.property(anyTarget, anyPayload, fc.option(fc.string(), { nil: undefined }), (to, body, text) => {
      const message = createMessage(3, to, body, {
        correlationId: text,
        traceId: text,
        idempotencyKey: text,
        deadline: 5,
        priority: 'high',
      });
      const back = messageFromJson(JSON.parse(JSON.stringify(messageToJson(message))) as JsonValue);
      const wire = (one: typeof message): string => JSON.stringify(messageToJson(one));
      expect(wire(back)).toBe(wire(message));
      expect(back.target).toEqual(JSON.parse(JSON.stringify(to)));
    }),
    { numRuns: RUNS },
  );
});

it('refuses everything else with ERR_PROTOCOL', { timeout: 600_000 }, () => {
  const protocol = expect.objectContaining({ code: 'ERR_PROTOCOL' }) as Error;
  for (const bad of [
    undefined,
    null,
    7,
    'Nowhere',
    {},
    { Process: -1 },
    { Process: 1, Topic: 'x' },
    { Process: '1' },
    { ServiceMethod: 3 },
  ]) {
    expect(() => targetFromJson(bad as JsonValue)).toThrow(protocol);
  }
  const nested = { RemoteNode: { node_id: 'a', target: { RemoteNode: { node_id: 'b', target: 'Kernel' } } } };
  expect(() => targetFromJson(nested)).toThrow(protocol);
  for (const bad of ['Text', { Text: 1 }, { ToolCall: {} }, { Unknown: 1 }])
    expect(() => payloadFromJson(bad)).toThrow(protocol);
  fc.assert(
    fc.property(json, (value) => {
      try {
        messageFromJson(value);
        return true;
      } catch (error) {
        return (error as { code?: string }).code === 'ERR_PROTOCOL';
      }
    }),
    { numRuns: RUNS },
  );
});
