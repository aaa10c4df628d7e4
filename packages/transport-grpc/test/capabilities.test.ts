import { create } from '@bufbuild/protobuf';
import { EVENT_TYPES } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { AgentCapabilitiesSchema } from '../src/gen/zentinel/agent/v2/agent_pb.ts';
import { fromCapabilities } from '../src/handshake/capability-fields.ts';

describe('capabilities over gRPC', () => {
  test.each([
    ['none', undefined],
    ['empty ones', create(AgentCapabilitiesSchema, {})],
    ['only streaming', create(AgentCapabilitiesSchema, { features: { streamingBody: true } })],
    ['unknown numbers', create(AgentCapabilitiesSchema, { supportedEvents: [0, 99] })],
  ])('that name no events ask about every event: %s', (_, fields) => {
    expect(fromCapabilities(fields).events).toEqual(EVENT_TYPES);
  });

  test('that name some ask about those', () => {
    const fields = create(AgentCapabilitiesSchema, { supportedEvents: [3, 99, 8] });
    expect(fromCapabilities(fields).events).toEqual(['responseHeaders', 'configure']);
  });
});
