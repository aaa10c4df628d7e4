import { ERROR_CODES, type ErrorCode } from '@agentwire/core';

/** What `agentwire_json` says. */
export interface AgentwireJson {
  readonly features: readonly string[];
  /** Why a handshake was refused. */
  readonly code: ErrorCode | undefined;
}

const MAX_FEATURES = 256;

/** Writes `agentwire_json`. */
export function writeAgentwireJson(features: readonly string[], code?: ErrorCode): string {
  return JSON.stringify(code === undefined ? { features } : { features, code });
}

/** Reads `agentwire_json`; undefined where it is absent or makes no sense, so that the peer counts as third-party. */
export function readAgentwireJson(text: string | undefined): AgentwireJson | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as { features?: unknown; code?: unknown } | null;
    if (typeof value !== 'object' || value === null || !Array.isArray(value.features)) return undefined;
    const features = value.features.filter((feature) => typeof feature === 'string').slice(0, MAX_FEATURES);
    const known = typeof value.code === 'string' && Object.hasOwn(ERROR_CODES, value.code);
    return { features, code: known ? (value.code as ErrorCode) : undefined };
  } catch {
    return undefined;
  }
}
