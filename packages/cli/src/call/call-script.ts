import { readNamedFile } from '../named-files.ts';
import { UsageError } from '../usage-error.ts';
import { parseHeaders } from './parse-headers.ts';

/** Flags that describe a request. */
export interface ScriptFlags {
  readonly method: string;
  readonly uri: string;
  readonly header: string[];
  readonly body?: string;
  readonly chunkBytes: string;
  readonly response?: string;
  readonly responseHeader: string[];
  readonly responseBody?: string;
  readonly timeoutMs: string;
}

/** Request described by the flags of `agentwire call`. */
export interface CallScript {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
  readonly chunkBytes: number;
  readonly response:
    { readonly status: number; readonly headers: readonly string[]; readonly body: Uint8Array | undefined } | undefined;
  readonly timeoutMs: number;
}

export const CALL_EXAMPLE: string = "agentwire call unix:/tmp/waf.sock --uri '/?q=1' -H 'user-agent: curl'";

function parseBody(flag: string, given: string | undefined): Uint8Array | undefined {
  if (given === undefined) return undefined;
  return given.startsWith('@') ? readNamedFile(flag, given.slice(1), CALL_EXAMPLE) : Buffer.from(given);
}

function integer(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${flag} takes a number from ${min} to ${max}, got ${JSON.stringify(text)}`, CALL_EXAMPLE);
}

/** Reads the flags. @throws UsageError naming the flag */
export function parseScript(flags: ScriptFlags): CallScript {
  const response =
    flags.response === undefined
      ? undefined
      : {
          status: integer('--response', flags.response, 100, 999),
          headers: parseHeaders('--response-header', flags.responseHeader, CALL_EXAMPLE),
          body: parseBody('--response-body', flags.responseBody),
        };
  if (response === undefined && (flags.responseBody !== undefined || flags.responseHeader.length > 0)) {
    throw new UsageError('--response-header and --response-body need --response STATUS', CALL_EXAMPLE);
  }
  return {
    method: flags.method,
    uri: flags.uri,
    headers: parseHeaders('-H', flags.header, CALL_EXAMPLE),
    body: parseBody('--body', flags.body),
    chunkBytes: integer('--chunk-bytes', flags.chunkBytes, 1, 16 * 1024 * 1024),
    response,
    timeoutMs: integer('--timeout-ms', flags.timeoutMs, 1, 86_400_000),
  };
}
