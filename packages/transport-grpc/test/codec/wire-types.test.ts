import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { AgentwireError } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { createCodec } from '../../src/codec/codec.ts';
import { checkRepeatedFields, checkWireTypes } from '../../src/codec/reference/check-fields.ts';
import {
  AgentToProxySchema,
  file_zentinel_agent_v2_agent,
  ProxyToAgentSchema,
} from '../../src/gen/zentinel/agent/v2/agent_pb.ts';

const context = { isAgentwire: true, errors: true, nowMs: () => 0, configureId: () => 'made-up' };
const codes = new Set([WireType.Varint, WireType.Bit64, WireType.LengthDelimited, WireType.Bit32]);

/** One field with the type given, whose content is zeros. */
function bytesOf(number: number, wire: WireType): Uint8Array {
  const writer = new BinaryWriter().tag(number, wire);
  if (wire === WireType.Varint || wire === WireType.LengthDelimited) return writer.uint32(0).finish();
  return writer.raw(new Uint8Array(wire === WireType.Bit64 ? 8 : 4)).finish();
}

function refused(message: DescMessage, field: DescField): readonly WireType[] {
  return [...codes].filter((wire) => {
    try {
      checkWireTypes(message, bytesOf(field.number, wire));
      return false;
    } catch (error) {
      expect(error).toBeInstanceOf(AgentwireError);
      return true;
    }
  });
}

const messages = file_zentinel_agent_v2_agent.messages;

describe('the wire type of a field', () => {
  test.each(
    messages.flatMap((message) => message.fields.map((field) => [message.name, field.name, message, field] as const)),
  )('of %s.%s is its own', (_message, _field, message, field) => {
    const isList = field.fieldKind === 'list' && field.message === undefined;
    const isText = isList && field.scalar === ScalarType.STRING;
    expect(refused(message, field)).toHaveLength(isList && !isText ? 2 : 3);
  });

  test('decides what an answer is, hot or not: the bytes behind another type are no fields', () => {
    // correlation_id "a", allow, then processing_time_ms as fixed64 whose bytes would be a second id
    const content = Buffer.of(0x0a, 1, 0x61, 0x12, 0, 0x69, 7, 0x0a, 1, 0x62, 0x70, 1, 0x70, 1);
    const bytes = Buffer.concat([Buffer.of(0x12, content.length), content]);
    for (let round = 0; round < 4; round += 1) {
      expect(createCodec('proxy', context).read(bytes, 0, bytes.length)).toMatchObject({
        type: 'malformed',
        of: 'answer',
        error: { code: 'ERR_PROTOCOL' },
      });
    }
  });

  test('decides what an event is', () => {
    // status_code as fixed64, in whose bytes the id of another request stands
    const content = Buffer.of(0x0a, 1, 0x61, 0x11, 0xc8, 1, 0x0a, 1, 0x62, 0, 0, 0);
    const bytes = Buffer.concat([Buffer.of(0x22, content.length), content]);
    expect(createCodec('agent', context).read(bytes, 0, bytes.length)).toMatchObject({
      type: 'malformed',
      of: 'responseHeaders',
      id: 'a',
    });
  });

  test("is checked in what stands inside, and a map's entry says its value once", () => {
    const header = Buffer.of(0x08, 1);
    expect(() => checkWireTypes(ProxyToAgentSchema, Buffer.of(0x22, 4, 0x1a, 2, ...header))).toThrow('Header.name');
    const entry = Buffer.of(0x0a, 1, 0x61, 0x12, 1, 0x62, 0x12, 1, 0x63);
    const answer = Buffer.of(0x12, entry.length + 3, 0xb2, 0x06, entry.length, ...entry);
    expect(() => checkWireTypes(AgentToProxySchema, answer)).not.toThrow();
    expect(() => checkRepeatedFields(AgentToProxySchema, answer)).toThrow('routing_metadata comes twice');
  });
});
