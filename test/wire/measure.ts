import { isDeepStrictEqual } from 'node:util';
import type { Decision, EventType, Verdict } from '@agentwire/core';
import { AUDIT, DECISION, EVENTS, METADATA, VERDICTS } from './fields.ts';
import type { EventBody, Lane } from './lanes.ts';

/** Fate of a field on one lane: as it was, gone, another value, a value where there was none, or its message is refused. */
export type Fate = '✓' | '–' | '≠' | '+' | '!';
/** Fates by field, one a lane. */
export type Measured = ReadonlyMap<string, readonly Fate[]>;

type Fields = Readonly<Record<string, unknown>>;

/** A message or a part of one, and how it is sent. */
interface Part {
  readonly name: string;
  readonly samples: Readonly<Record<string, readonly unknown[]>>;
  /** Sends the part with these fields over `lane`, and gives what arrived of it. */
  send(fields: Fields, lane: Lane): Promise<Fields>;
}

/** Absent is absent however it is written, and bytes are bytes. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.map(([name, one]) => [name, comparable(one)]));
}

const without = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const firstOf = (samples: Part['samples']): Fields =>
  Object.fromEntries(Object.entries(samples).map(([name, [first]]) => [name, first]));

const eventPart = (type: EventType): Part => ({
  name: type,
  samples: EVENTS[type],
  send: async (fields, lane) => ({ ...(await lane.event({ type, ...without(fields) } as EventBody)) }),
});

const metadataPart: Part = {
  name: 'metadata',
  samples: METADATA,
  async send(fields, lane) {
    const head = firstOf(EVENTS.requestHeaders);
    const got = await lane.event({
      type: 'requestHeaders',
      ...head,
      metadata: without(fields),
    } as unknown as EventBody);
    return { ...(got as unknown as { readonly metadata: Fields }).metadata };
  },
};

async function decisionOver(lane: Lane, decision: object): Promise<Fields> {
  return { ...(await lane.decision(without(decision as Fields) as unknown as Decision)) };
}

const verdictPart = (type: Verdict['type']): Part => ({
  name: type,
  samples: VERDICTS[type],
  async send(fields, lane) {
    const { verdict } = await decisionOver(lane, { verdict: { type, ...without(fields) } });
    return (verdict as Fields)['type'] === type ? (verdict as Fields) : {};
  },
});

const allow = { type: 'allow' } as const;
const auditPart: Part = {
  name: 'audit',
  samples: AUDIT,
  send: async (fields, lane) =>
    ((await decisionOver(lane, { verdict: allow, audit: without(fields) }))['audit'] ?? {}) as Fields,
};
const decisionPart: Part = {
  name: 'decision',
  samples: DECISION,
  send: (fields, lane) => decisionOver(lane, { verdict: allow, ...fields }),
};

const PARTS: readonly Part[] = [
  ...(Object.keys(EVENTS) as EventType[]).flatMap((type) =>
    type === 'requestHeaders' ? [eventPart(type), metadataPart] : [eventPart(type)],
  ),
  ...(Object.keys(VERDICTS) as Verdict['type'][]).map(verdictPart),
  decisionPart,
  auditPart,
];

async function fateOf(part: Part, field: string, lane: Lane): Promise<Fate> {
  const values = part.samples[field] ?? [];
  const first = firstOf(part.samples);
  const fates: Fate[] = [];
  for (const value of values) {
    let got: unknown;
    try {
      got = (await part.send({ ...first, [field]: value }, lane))[field];
    } catch {
      fates.push('!');
      continue;
    }
    if (isDeepStrictEqual(comparable(got), comparable(value))) fates.push('✓');
    else if (value === undefined) fates.push('+');
    else fates.push(got === undefined ? '–' : '≠');
  }
  return (['!', '≠', '–', '+'] as const).find((fate) => fates.includes(fate)) ?? '✓';
}

/** Sends every value of every field over every lane. */
export async function measure(lanes: readonly Lane[]): Promise<Measured> {
  const measured = new Map<string, readonly Fate[]>();
  for (const part of PARTS) {
    for (const field of Object.keys(part.samples)) {
      const fates: Fate[] = [];
      for (const lane of lanes) fates.push(await fateOf(part, field, lane));
      measured.set(`${part.name}.${field}`, fates);
    }
  }
  return measured;
}
