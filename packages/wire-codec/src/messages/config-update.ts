import type { ConfigUpdate, ConfigUpdateRequest, RuleDefinition } from '@agentwire/core';

import { DecodeError } from './decode-error.ts';
import type { FieldCodec } from './field-codec.ts';
import { plain, type MessageMapping } from './message-mapping.ts';
import { bool, i32, text, u64 } from './scalar-codecs.ts';
import { field, nullable, struct, type Struct } from './struct.ts';
import { any, list, texts } from './value-codecs.ts';
import { asObject, own } from './wire-object.ts';

/** Any JSON value; absent and null are the same. */
const definition = any as FieldCodec<object>;

const rule: Struct<RuleDefinition> = struct<RuleDefinition>('rule', {
  id: field('id', text),
  priority: field('priority', i32, { fallback: 0 }),
  definition: nullable('definition', definition),
  enabled: field('enabled', bool, { fallback: true }),
  description: nullable('description', text),
  tags: field('tags', texts, { fallback: [] }),
});

type Body<T extends ConfigUpdate['type']> = Omit<Extract<ConfigUpdate, { type: T }>, 'type'>;

const requestReload = struct<object>('request_reload', {});
const ruleUpdate = struct<Body<'ruleUpdate'>>('rule_update', {
  ruleSet: field('rule_set', text),
  rules: field('rules', list(rule), { fallback: [] }),
  removeRules: field('remove_rules', texts, { fallback: [] }),
});
const listUpdate = struct<Body<'listUpdate'>>('list_update', {
  listId: field('list_id', text),
  add: field('add', texts, { fallback: [] }),
  remove: field('remove', texts, { fallback: [] }),
});
const restartRequired = struct<Body<'restartRequired'>>('restart_required', {
  reason: field('reason', text),
  gracePeriodMs: field('grace_period_ms', u64),
});
const configError = struct<Body<'configError'>>('config_error', {
  error: field('error', text),
  field: nullable('field', text),
});

const bodies = { requestReload, ruleUpdate, listUpdate, restartRequired, configError } as const;

/** Requested change; its field `type` tells the variants apart. */
const configUpdate: FieldCodec<ConfigUpdate> = {
  name: 'configUpdate',
  write(value, format) {
    const body = bodies[value.type] as Struct<ConfigUpdate>;
    return { type: body.name, ...body.write(value, format) };
  },
  read(wire, format) {
    // the crate 0.6.20 wrote an array with the type first
    const word = Array.isArray(wire) ? (wire[0] as unknown) : own(asObject(wire), 'type');
    for (const [type, body] of Object.entries(bodies)) {
      if (body.name !== word) continue;
      return {
        type,
        ...(body as Struct<object>).read(Array.isArray(wire) ? wire.slice(1) : wire, format),
      } as ConfigUpdate;
    }
    throw new DecodeError(
      `one of ${Object.values(bodies)
        .map((body) => body.name)
        .join(', ')} is expected`,
    ).within('type');
  },
};

/** Request of an agent for another configuration. Its `request_id` is text of its own and no request's id. */
export const configUpdateRequest: MessageMapping<'configUpdateRequest'> = plain(
  'configUpdateRequest',
  struct<Omit<ConfigUpdateRequest, 'type'>>('configUpdateRequest', {
    update: field('update_type', configUpdate),
    requestId: field('request_id', text),
    timestampMs: field('timestamp_ms', u64),
  }),
);
