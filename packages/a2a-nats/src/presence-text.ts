import { AgentwireError } from '@agentwire/core';
import type { JsonValue } from '@agentwire/a2a-router';
import { type ServiceEntry, writeJsonSchema } from '@agentwire/a2a-router/internal';

/** A service as its node announces it. */
export interface AnnouncedService {
  readonly name: string;
  readonly version: string;
  readonly description: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Methods that it knows; undefined is any, or more than an announcement holds. */
  readonly methods: readonly string[] | undefined;
  /** JSON schemas of the methods that have a contract, as far as there was room for them; what another node says, so nothing of it is to be run. */
  readonly schemas: Readonly<Record<string, MethodSchemas>>;
}

/** JSON schemas of a method. */
export interface MethodSchemas {
  readonly args?: JsonValue;
  readonly answer?: JsonValue;
}

/** Announcement of a node. */
export interface Announcement {
  /** Random, and another one for each process. */
  readonly instance: string;
  /** Connections that this process has had. */
  readonly session: number;
  /** Milliseconds after which it is gone when nothing more is heard of it. */
  readonly ttlMs: number;
  readonly version: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly services: readonly AnnouncedService[];
  /** Services that did not fit. */
  readonly more: number;
  /** True when the others are asked to announce themselves too. */
  readonly ask: boolean;
  /** True when it leaves. */
  readonly bye: boolean;
  /** Word of the subject on which it takes notes about requests, and announcements of nodes that may not make them to all. */
  readonly notes: string | undefined;
}

const MAX_BYTES = 32 * 1024;
const MAX_METHODS = 200;
/** Characters of one schema, and levels of it. */
const MAX_SCHEMA = 4096;
const MAX_LEVELS = 64;
const INSTANCE = /^[0-9a-f]{32}$/;

/** Describes a service for others. */
export function announced({ name, methods, contracts, about }: ServiceEntry): AnnouncedService {
  return {
    name,
    version: about.version ?? '0.0.0',
    description: about.description,
    metadata: about.metadata ?? {},
    methods: methods === undefined || methods.length > MAX_METHODS ? undefined : [...methods],
    schemas: schemasOf(contracts),
  };
}

function schemasOf(contracts: ServiceEntry['contracts']): Readonly<Record<string, MethodSchemas>> {
  const schemas: [string, MethodSchemas][] = [];
  for (const [method, contract] of contracts ?? []) {
    const sides = (['args', 'answer'] as const).flatMap((side) => {
      const text = contract[side] === undefined ? undefined : writeJsonSchema(contract[side]);
      const json = text === undefined || text.length > MAX_SCHEMA ? undefined : (JSON.parse(text) as JsonValue);
      return json === undefined || !isShallow(json, MAX_LEVELS - 1) ? [] : [[side, json] as const];
    });
    if (sides.length > 0) schemas.push([method, Object.fromEntries(sides)]);
    if (schemas.length >= MAX_METHODS) break;
  }
  return Object.fromEntries(schemas);
}

/** Writes an announcement in 32 KiB; services that do not fit are counted, and schemas have the room that is left. */
export function encodeAnnouncement(announcement: Announcement): string {
  const { services, ...rest } = announcement;
  const fitting: AnnouncedService[] = [];
  let bytes = JSON.stringify(rest).length + 100;
  for (const service of services) {
    const bare = { ...service, schemas: {} };
    bytes += Buffer.byteLength(JSON.stringify(bare)) + 1;
    if (bytes > MAX_BYTES) break;
    fitting.push(bare);
  }
  for (const [at, { schemas }] of services.slice(0, fitting.length).entries()) {
    const bare = fitting[at];
    const more = Buffer.byteLength(JSON.stringify(schemas));
    if (bare === undefined || bytes + more > MAX_BYTES) continue;
    bytes += more;
    fitting[at] = { ...bare, schemas };
  }
  return JSON.stringify({ ...rest, services: fitting, more: services.length - fitting.length });
}

/** Reads an announcement; anything else is `ERR_PROTOCOL`. */
export function decodeAnnouncement(text: string): Announcement {
  if (text.length > MAX_BYTES * 2) throw unreadable('size');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw unreadable('JSON');
  }
  const { instance, session, ttlMs, version, metadata, services, more, ask, bye, notes } = record(json, 'announcement');
  if (typeof instance !== 'string' || !INSTANCE.test(instance)) throw unreadable('instance');
  if (notes !== undefined && (typeof notes !== 'string' || !INSTANCE.test(notes))) throw unreadable('notes');
  if (!Array.isArray(services)) throw unreadable('services');
  return {
    instance,
    session: count(session, 'session', Number.MAX_SAFE_INTEGER),
    ttlMs: count(ttlMs, 'ttlMs', 86_400_000),
    version: readText(version, 'version'),
    metadata: facts(metadata),
    services: services.map(readService),
    more: count(more, 'more', Number.MAX_SAFE_INTEGER),
    ask: ask === true,
    bye: bye === true,
    notes,
  };
}

function readService(json: unknown): AnnouncedService {
  const { name, version, description, metadata, methods, schemas } = record(json, 'service');
  if (methods !== undefined && !Array.isArray(methods)) throw unreadable('methods');
  return {
    name: readText(name, 'name'),
    version: readText(version, 'version'),
    description: description === undefined ? undefined : readText(description, 'description'),
    metadata: facts(metadata),
    methods: methods?.map((method: unknown) => readText(method, 'method')),
    // nodes of an earlier version announce none.
    schemas: schemas === undefined ? {} : readSchemas(schemas),
  };
}

/** Reads schemas; any JSON may be one, and what it says is looked at only where it is used. */
function readSchemas(json: unknown): Readonly<Record<string, MethodSchemas>> {
  const all = Object.entries(record(json, 'schemas'));
  for (const [, schemas] of all) if (!isShallow(schemas, MAX_LEVELS)) throw unreadable('schema');
  return Object.fromEntries(all.map(([method, schemas]) => [method, record(schemas, 'schema') as MethodSchemas]));
}

/** Tells whether JSON has at most so many levels, because programs that list nodes write it again. */
function isShallow(json: unknown, levels: number): boolean {
  if (typeof json !== 'object' || json === null) return true;
  return levels > 0 && Object.values(json).every((value) => isShallow(value, levels - 1));
}

function facts(json: unknown): Readonly<Record<string, string>> {
  const all = Object.entries(record(json, 'metadata'));
  return Object.fromEntries(all.map(([key, value]) => [key, readText(value, 'metadata')]));
}

function record(json: unknown, what: string): { readonly [key: string]: unknown } {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw unreadable(what);
  return json as { readonly [key: string]: unknown };
}

function readText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw unreadable(what);
  return value;
}

function count(value: unknown, what: string, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > most) throw unreadable(what);
  return value;
}

function unreadable(what: string): AgentwireError {
  return new AgentwireError('ERR_PROTOCOL', `the announcement of a node has no ${what} that can be read`);
}
