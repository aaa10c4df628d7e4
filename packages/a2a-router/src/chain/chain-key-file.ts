import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { toAgentwireError } from '@agentwire/core';

/** Shortest secret of a keyed chain, in bytes. */
const MIN_KEY_BYTES = 16;

/**
 * Reads the key of a chain from a file: a PEM key of a signed one, or the secret of a keyed one. A secret may be written as its bytes, as
 * its bytes and one line break, or as hex digits.
 *
 * @returns the readings that are long enough to be a secret, for {@link verifyChainFile} to take the one that the chain was made with
 * @throws AgentwireError `ERR_IO` where the file cannot be read
 */
export function readChainKeys(path: string): readonly (Uint8Array | KeyObject)[] {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(path));
  } catch (error) {
    throw toAgentwireError(error, 'ERR_IO', path);
  }
  const text = Buffer.from(bytes).toString('latin1');
  if (text.trimStart().startsWith('-----BEGIN')) return [createPublicKey(text)];
  const line = text.replace(/\r?\n$/, '');
  const readings = [bytes];
  if (line !== text) readings.push(bytes.slice(0, line.length));
  if (/^(?:[0-9a-fA-F]{2})+$/.test(line.trim())) readings.push(new Uint8Array(Buffer.from(line.trim(), 'hex')));
  const secrets = readings.filter(({ byteLength }) => byteLength >= MIN_KEY_BYTES);
  // one that is too short is refused with its length where it is used
  return secrets.length > 0 ? secrets : [bytes];
}
