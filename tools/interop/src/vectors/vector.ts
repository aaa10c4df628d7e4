import { readFileSync } from 'node:fs';

/** JSON with integers past 2^53 as bigints. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [name: string]: Json };

/** A message of the crate, as `vectors/*.json` have it. */
export interface Vector {
  readonly name: string;
  readonly variant: string;
  /** Sender of such a message. */
  readonly from: 'proxy' | 'agent';
  readonly value: { readonly [name: string]: Json };
  /** Whole frames in hex. */
  readonly json?: string;
  readonly msgpack?: string;
  /** A gRPC message in hex, without the five bytes before it. */
  readonly protobuf?: string;
}

/** Releases of the crate whose bytes are committed. */
export const CRATE_VERSIONS = ['0.6.45', '0.6.20'] as const;

/** Reads JSON and keeps integers exact. */
export function parseExact(text: string): Json {
  const keep = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const source = context?.source;
    if (typeof value !== 'number' || source === undefined || !/^-?\d+$/.test(source)) return value;
    return Number.isSafeInteger(value) ? value : BigInt(source);
  };
  return JSON.parse(text, keep) as Json;
}

/** The vectors of one release. */
export function loadVectors(version: (typeof CRATE_VERSIONS)[number]): readonly Vector[] {
  return readVectors(`zentinel-${version}.json`);
}

/** The vectors of version 1, of the last release that has it: `json` is a length and JSON, without a type. */
export function loadVersionOneVectors(): readonly Vector[] {
  return readVectors('zentinel-0.5.11-v1.json');
}

function readVectors(name: string): readonly Vector[] {
  const file = new URL(`../../vectors/${name}`, import.meta.url);
  return (parseExact(readFileSync(file, 'utf8')) as unknown as { vectors: Vector[] }).vectors;
}
