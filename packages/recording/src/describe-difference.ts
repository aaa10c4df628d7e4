import type { Difference } from './differences.ts';

const MAX_CHARACTERS = 160;

const cut = (text: string): string => (text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text);

/** Returns the short text of a verdict: `block 403`. */
function verdictText(verdict: unknown): string {
  if (typeof verdict !== 'object' || verdict === null) return String(verdict);
  const [[kind, fields] = ['', {}]] = Object.entries(verdict) as [string, Record<string, unknown>][];
  const { status, url, challenge_type: challenge } = fields;
  return [kind, status, url, challenge]
    .flatMap((part) => (part === undefined ? [] : [part as string | number]))
    .join(' ');
}

function valueText(field: string, value: unknown): string {
  if (value === undefined) return 'none';
  return field === 'decision' ? verdictText(value) : cut(JSON.stringify(value));
}

/** Returns the recorded value of a difference and that of today as short texts: `allow` and `block 403`. */
export function describeDifference({ field, before, after }: Difference): readonly [before: string, after: string] {
  const [was, is] = [valueText(field, before), valueText(field, after)];
  // two blocks of the same status differ in what the short text leaves out
  return was === is ? [cut(JSON.stringify(before)), cut(JSON.stringify(after))] : [was, is];
}
