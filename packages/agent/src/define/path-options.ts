import { OPTION, type OptionRows, type Resolved } from '@agentwire/core/internal';

/** Spellings of a path that `request.path` resolves or refuses; refused is an error that blocks with status 400. */
export interface PathOptions {
  /**
   * `.` and `..` segments: `refuse` or `resolve`; default `refuse`, because clients resolve them before they send a path, and upstreams that do
   * not would serve another resource than the one that was decided on.
   */
  readonly dotSegments?: 'refuse' | 'resolve' | undefined;
  /** `//`: `merge` into one slash, `keep`, or `refuse`; default `merge`. Keep them where the upstream does. */
  readonly duplicateSlashes?: 'merge' | 'keep' | 'refuse' | undefined;
}

/** Rows of {@link PathOptions}. */
export const PATH_TABLE: OptionRows<PathOptions> = {
  dotSegments: { check: OPTION.oneOf('refuse', 'resolve'), default: 'refuse' },
  duplicateSlashes: { check: OPTION.oneOf('merge', 'keep', 'refuse'), default: 'merge' },
};

/** {@link PathOptions} with their defaults filled in. */
export type ResolvedPathOptions = Resolved<PathOptions>;
