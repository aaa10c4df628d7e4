import { AgentwireError } from '@agentwire/core';
import { checkInteger, checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import type { HoldOptions, WholeBodyOptions } from '../handler/incoming.ts';

/** Default limit of a body that is read whole, and longest preview, in bytes. */
const DEFAULT_WHOLE_BODY_LIMIT = 10_485_760;
const WHOLE: OptionTable<WholeBodyOptions> = {
  limit: OPTION.integer(0, Number.MAX_SAFE_INTEGER),
  spill: OPTION.boolean,
  allowTruncated: OPTION.boolean,
  hold: OPTION.boolean,
  decode: OPTION.boolean,
};

/** Checks the options of `bytes()`. @returns the limit in bytes @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkWholeOptions(options: WholeBodyOptions): number {
  checkOptions('bytes', options, WHOLE);
  if (options.spill === true && options.hold === true)
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      'a body that is held goes back in one message, so leave spill out',
    );
  return options.limit ?? DEFAULT_WHOLE_BODY_LIMIT;
}

/** Checks the arguments of `preview()`. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkPreview(bytes: number, options: HoldOptions): void {
  checkInteger('bytes of preview', bytes, 0, DEFAULT_WHOLE_BODY_LIMIT);
  checkOptions('preview', options, { hold: OPTION.boolean });
}
