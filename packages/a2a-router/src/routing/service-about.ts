import { AgentwireError } from '@agentwire/core';
import { checkOptionalShortText } from '../message/message-limits.ts';

/** Description of a service, or a node, in discovery. */
export interface About {
  /** Version by the rules of semver. Default `0.0.0`. */
  readonly version?: string | undefined;
  /** Purpose, at most 1024 bytes. Default: none. */
  readonly description?: string | undefined;
  /** Facts for machines: at most 64 of them, keys of 256 and values of 1024 bytes at most. Default: none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

const MAX_FACTS = 64;
const MAX_BYTES = 1024;
const SEMVER = /^\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?$/;

/** Copies the description of `what`; throws `ERR_INVALID_ARGUMENT` for a version that is none, and for what is too long. */
export function copyAbout(what: string, { version, description, metadata }: About): About {
  if (version !== undefined && (typeof version !== 'string' || !SEMVER.test(version)))
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `the version of ${what} must be one of semver, such as 1.2.0, got ${JSON.stringify(version)}`,
    );
  checkOptionalShortText('description', description, MAX_BYTES);
  if (metadata === undefined) return { version, description, metadata };
  if (typeof metadata !== 'object' || (metadata as object | null) === null || Array.isArray(metadata))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `the metadata of ${what} must be an object of strings`);
  const facts = Object.entries(metadata);
  if (facts.length > MAX_FACTS)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${what} has ${facts.length} metadata, over ${MAX_FACTS}`);
  for (const [key, value] of facts) {
    checkOptionalShortText('a metadata key', key);
    if (typeof value !== 'string')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `metadata ${JSON.stringify(key)} of ${what} must be a string`);
    checkOptionalShortText(`metadata ${JSON.stringify(key)}`, value, MAX_BYTES);
  }
  return { version, description, metadata: Object.freeze(Object.fromEntries(facts)) };
}
