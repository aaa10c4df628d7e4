import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  createZstdCompress,
  createZstdDecompress,
} from 'node:zlib';
import { AgentwireError } from '@agentwire/core';
import type { HeaderMap } from '@agentwire/headers';
import { CodingStream, notInItsCoding } from './coding-stream.ts';

/** Content coding that can be undone and done again. */
export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
]);
/** Codings of one body that are undone; each costs memory and time. */
const MAX_CODINGS = 4;
/** Frames of zstd in one body; each costs a decoder. */
const MAX_FRAMES = 1_000;
/** Decoded bytes that are free of the ratio. */
const FREE_BYTES = 10_485_760;
/** Largest ratio of decoded to encoded bytes past {@link FREE_BYTES}. */
const MAX_RATIO = 100;

/**
 * Returns the codings of a body in the order in which they were applied.
 *
 * @throws AgentwireError `ERR_BODY_ENCODING` for one that is not known, or more than four
 */
export function codingsOf(headers: HeaderMap): Coding[] {
  const names = (headers.get('content-encoding') ?? '').toLowerCase().split(',');
  const codings: Coding[] = [];
  for (const name of names.map((text) => text.trim())) {
    if (name === '' || name === 'identity') continue;
    const coding = CODINGS.get(name);
    if (coding === undefined || codings.length === MAX_CODINGS)
      throw new AgentwireError('ERR_BODY_ENCODING', 'the content-encoding of the body is not known, or is too long');
    codings.push(coding);
  }
  return codings;
}

/** Some senders leave the zlib header out, so the first byte decides, as in browsers. */
function inflateFor(first: number): Transform {
  return (first & 0x0f) === 8 ? createInflate() : createInflateRaw();
}

function decoderOf(coding: Coding, first: number): Transform {
  if (coding === 'gzip') return createGunzip();
  if (coding === 'deflate') return inflateFor(first);
  return coding === 'br' ? createBrotliDecompress() : createZstdDecompress();
}

/** Creates the encoder of a coding. */
export function encoderOf(coding: Coding): CodingStream {
  const flush = constants.Z_SYNC_FLUSH;
  if (coding === 'gzip') return new CodingStream(createGzip(), flush);
  if (coding === 'deflate') return new CodingStream(createDeflate(), flush);
  return coding === 'br'
    ? // the default quality, 11, takes a hundred times as long for a few percent
      new CodingStream(
        createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
        constants.BROTLI_OPERATION_FLUSH,
      )
    : new CodingStream(createZstdCompress(), constants.ZSTD_e_flush);
}

/**
 * Undoes one coding. It takes the next piece only when everything of the one before was taken. Data behind the end is refused,
 * because other decoders may read it; several members of gzip and frames of zstd are one body.
 */
async function* decodeOne(body: AsyncIterable<Uint8Array>, coding: Coding): AsyncGenerator<Uint8Array, undefined> {
  let stream: CodingStream | undefined;
  let frames = 1;
  try {
    for await (const piece of body) {
      for (let unread = piece.byteLength; unread > 0;) {
        const rest = piece.subarray(piece.byteLength - unread);
        stream ??= new CodingStream(decoderOf(coding, rest[0] ?? 0));
        yield* stream.write(rest);
        ({ unread } = stream);
        if (unread === 0) break;
        if (coding !== 'zstd' || ++frames > MAX_FRAMES) throw notInItsCoding('data after its end');
        stream.destroy();
        stream = undefined;
      }
    }
    if (stream !== undefined) yield* stream.end();
  } finally {
    stream?.destroy();
  }
}

/** Gives a body as it is. Fails with `ERR_BODY_TOO_LARGE` past `maxBytes`, which is read anew for each piece. */
async function* bounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: () => number,
): AsyncGenerator<Uint8Array, undefined> {
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.byteLength;
    if (bytes > maxBytes()) {
      const what = 'the decoded body is longer than its limit, or 100 times as long as its encoded bytes';
      throw new AgentwireError('ERR_BODY_TOO_LARGE', what);
    }
    yield piece;
  }
}

/**
 * Undoes the codings of a body, piece by piece, in bounded memory.
 *
 * Fails with `ERR_BODY_ENCODING` for data that is not in its coding, and `ERR_BODY_TOO_LARGE` past `limit`, or past 10 MiB
 * for more than 100 times the encoded bytes, also between two codings.
 */
function decoded(
  body: AsyncIterable<Uint8Array>,
  codings: readonly Coding[],
  limit = Infinity,
): AsyncGenerator<Uint8Array, undefined> {
  let encodedBytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array, undefined> {
    for await (const piece of body) {
      encodedBytes += piece.byteLength;
      yield piece;
    }
  };
  let source: AsyncIterable<Uint8Array> = counted();
  for (const coding of codings.toReversed())
    source = bounded(decodeOne(source, coding), () => FREE_BYTES + MAX_RATIO * encodedBytes);
  return bounded(source, () => limit);
}

/** Decodes a body by its `content-encoding`. Fails as {@link decoded} and {@link codingsOf} do. */
export async function* decodedBody(
  body: AsyncIterable<Uint8Array>,
  headers: HeaderMap,
  limit?: number,
): AsyncGenerator<Uint8Array, undefined> {
  yield* decoded(body, codingsOf(headers), limit);
}

/** Decodes a body that was read whole. Fails as {@link decodedBody} does. */
export async function decodedWhole(bytes: Uint8Array, headers: HeaderMap, limit: number): Promise<Uint8Array> {
  if (codingsOf(headers).length === 0) return bytes;
  const pieces: Uint8Array[] = [];
  for await (const piece of decodedBody(once(bytes), headers, limit)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Body of one piece. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  yield bytes;
}
