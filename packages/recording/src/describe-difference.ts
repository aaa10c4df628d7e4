import { printableStart } from '@agentwire/core/internal';
import type { Difference } from './differences.ts';

const json = (value: unknown): string => printableStart(JSON.stringify(value));

/** Returns the text of a part of a verdict, which a file may have of any type. */
const shown = (part: unknown): string => (typeof part === 'string' ? part : JSON.stringify(part));

/** Returns the short text of a verdict: `block 403`. */
function verdictText(verdict: unknown): string {
  if (typeof verdict !== 'object' || verdict === null) return printableStart(String(verdict));
  const [[kind, fields] = ['', {}]] = Object.entries(verdict) as [string, Record<string, unknown> | null][];
  const { status, url, challenge_type: challenge } = fields ?? {};
  const parts = [kind, status, url, challenge].flatMap((part) => (part === undefined ? [] : [shown(part)]));
  return printableStart(parts.join(' '));
}

function valueText(field: string, value: unknown): string {
  if (value === undefined) return 'none';
  return field === 'decision' ? verdictText(value) : json(value);
}

/** Returns the recorded value of a difference and that of today as short texts: `allow` and `block 403`. */
export function describeDifference({ field, before, after }: Difference): readonly [before: string, after: string] {
  const [was, is] = [valueText(field, before), valueText(field, after)];
  // two blocks of the same status differ in what the short text leaves out
  return was === is ? [json(before), json(after)] : [was, is];
}
