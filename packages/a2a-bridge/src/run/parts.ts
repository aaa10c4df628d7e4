import { Part, type Message } from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';
import { type JsonValue, type Payload, payload } from '@agentwire/a2a-router';

const part = (content: Part['content'], mediaType: string): Part => ({
  content,
  mediaType,
  filename: '',
  metadata: undefined,
});

/** Part of a JSON value: text for a string. */
export function valuePart(value: JsonValue): Part {
  return typeof value === 'string'
    ? part({ $case: 'text', value }, 'text/plain')
    : part({ $case: 'data', value }, 'application/json');
}

/** Part of what a handler answered. */
export function payloadPart(answer: Payload): Part {
  switch (answer.kind) {
    case 'text':
      return valuePart(answer.text);
    case 'json':
      return part({ $case: 'data', value: answer.value }, 'application/json');
    case 'toolCall':
      return part({ $case: 'data', value: { name: answer.name, args: answer.args } }, 'application/json');
    case 'toolResult':
      return part({ $case: 'data', value: answer.result }, 'application/json');
    case 'signal':
      return part(
        { $case: 'data', value: { signal: answer.signal, detail: answer.detail ?? null } },
        'application/json',
      );
    case 'binary':
      return part({ $case: 'raw', value: Buffer.from(answer.bytes) }, 'application/octet-stream');
  }
}

/** Payload of one part. */
function partPayload({ content }: Part): Payload | undefined {
  switch (content?.$case) {
    case 'text':
      return payload.text(content.value);
    case 'data':
      return payload.json((content.value ?? null) as JsonValue);
    case 'raw':
      return payload.binary(content.value);
    default:
      return undefined;
  }
}

/** Payload of several parts: that of the only one, else `{ parts }` in the JSON form of the protocol. */
export function partsPayload(parts: readonly Part[]): Payload {
  const [only] = parts;
  const single = parts.length === 1 && only !== undefined ? partPayload(only) : undefined;
  return single ?? payload.json({ parts: parts.map((one) => Part.toJSON(one) as JsonValue) });
}

/** Method that a message asks for in `metadata.skill`; undefined for none. @throws `RequestMalformedError` when it is no name */
export function skillOf({ metadata }: Message): string | undefined {
  const skill: unknown = metadata?.['skill'];
  if (skill === undefined) return undefined;
  if (typeof skill === 'string' && skill !== '' && skill.length <= 256) return skill;
  throw new RequestMalformedError('metadata.skill must be the name of a skill, 1 to 256 characters');
}
