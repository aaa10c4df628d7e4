import type { VersionOneCell } from './cell.ts';

/** Something that the released crate cannot do in version 1. */
interface VersionOneReason {
  readonly letter: string;
  readonly why: string;
  readonly scenario: string;
  /** Pattern of the complaint about the step, so that no other fault hides behind the reason. */
  readonly saw: RegExp;
  readonly where: (cell: VersionOneCell) => boolean;
}

/** In the order in which they are tried. */
export const VERSION_ONE_REASONS: readonly VersionOneReason[] = [
  {
    letter: 'a',
    why: "a handler that panics takes the crate's connection with it; its client does not connect anew",
    scenario: 'throw',
    saw: /early eof|Broken pipe|Connection reset|ERR_CLOSED/,
    where: ({ agent }) => agent === 'crate',
  },
  {
    letter: 'b',
    why: "the crate's client takes an answer after the deadline for the answer to its next question",
    scenario: 'late-answer',
    saw: /"verdict":"allow".*"tags":\["seen"\]/,
    where: ({ proxy, agent }) => proxy === 'crate' && agent === 'crate',
  },
];
