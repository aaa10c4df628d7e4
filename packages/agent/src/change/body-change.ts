import { AgentwireError, type Verdict } from '@agentwire/core';
import { checkOptions, OPTION } from '@agentwire/core/internal';
import { checkNotFreed } from '../body/freed-piece.ts';
import { replaceTextIn, type TextReplacement, textRule } from './text-replacer.ts';

/**
 * Function that makes the new body out of the old one, as an async generator. What it gives before it asks for the next
 * piece takes the place of the piece before; it ends when the body ends.
 */
export type BodyTransform = (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array | string>;

/** Options of `replaceBody` and `transformBody` of a decision. */
export interface BodyChangeOptions {
  /**
   * Leaves the content-encoding to you: bytes are taken and given in it. Default `false`: the body is decoded (gzip, deflate,
   * br, zstd) and encoded again.
   */
  readonly encoded?: boolean | undefined;
}

/** Change of a whole body, as a decision on its head carries it. */
export class BodyChange {
  readonly transform: BodyTransform;
  readonly encoded: boolean;
  /** `true` if it reads text, so that the charset matters. */
  readonly readsText: boolean;
  /** `true` if it keeps no view of a piece when it asks for the next one, nor gives one. */
  readonly copies: boolean;
  /** Builder's method, for errors. */
  readonly method: 'replaceBody' | 'replaceText' | 'transformBody';

  constructor(
    transform: BodyTransform,
    options: BodyChangeOptions = {},
    method: BodyChange['method'] = 'transformBody',
  ) {
    checkOptions('a change of a body', options, { encoded: OPTION.boolean });
    if (typeof transform !== 'function')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'transformBody() takes an async generator function');
    this.transform = transform;
    this.encoded = options.encoded ?? false;
    this.method = method;
    this.readsText = method === 'replaceText';
    this.copies = method !== 'transformBody';
  }

  /** Adds the change to a decision. @throws AgentwireError `ERR_INVALID_STATE` for another than an allow without a change */
  onto(verdict: Verdict, mutation: ChunkMutation | undefined): this {
    if (verdict.type === 'allow' && mutation === undefined) return this;
    const what = `a body is changed once, and by an allow, as in allow().${this.method}(…)`;
    throw new AgentwireError('ERR_INVALID_STATE', what);
  }

  /** Change that puts `data` in the place of the body. @throws AgentwireError `ERR_INVALID_ARGUMENT`; `ERR_INVALID_STATE` for a freed piece */
  static whole(data: unknown, options?: BodyChangeOptions): BodyChange {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    if (!(bytes instanceof Uint8Array))
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `replaceBody() takes a string or a Uint8Array, got ${typeof data}`,
      );
    checkNotFreed('replaceBody() got', bytes);
    return new BodyChange(
      async function* (body) {
        // the new body goes out when all of the old one has come
        for await (const _ of body);
        yield bytes;
      },
      options,
      'replaceBody',
    );
  }

  /** Change that replaces text. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
  static text(pattern: string | RegExp, replacement: TextReplacement): BodyChange {
    const rule = textRule(pattern, replacement);
    return new BodyChange((body) => replaceTextIn(body, rule), {}, 'replaceText');
  }
}

/**
 * Change of the chunk or frame that a decision answers: bytes replace it, empty bytes drop it, `null` passes it. On a head it
 * is a change of the body.
 */
export type ChunkMutation = Uint8Array | BodyChange | null;
