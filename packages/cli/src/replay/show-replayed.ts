import { printableList, printableStart } from '@agentwire/core/internal';
import type { Difference, RecordedRequest, Replayed } from '@agentwire/recording';
import { describeDifference } from '@agentwire/recording/internal';
import { type Terminal, tint } from '../output/terminal.ts';
import type { ReplayCounts } from './replay-file.ts';

const were = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;

function differenceText(difference: Difference): string {
  const { field } = difference;
  return `${field === 'decision' ? '' : `${field}: `}${describeDifference(difference).join(' → ')}`;
}

/** Lines about a request whose decision changed, or that failed. */
export function showReplayed(
  { id, request }: RecordedRequest,
  { outcome, event, differences, error }: Replayed,
  stream: Terminal['stdout'],
): string {
  const named = [printableStart(id, 64), printableStart(request.method, 32), printableStart(request.uri)].join(' ');
  const head = `${tint(outcome === 'failed' ? 'bad' : 'warn', outcome.padEnd(8), stream)} ${named}`;
  if (error !== undefined) return `${head} ${error.code}: ${printableStart(error.message, 512)}`;
  const at = event === 'requestHeaders' ? '' : ` ${tint('quiet', `(${event})`, stream)}`;
  return `${head}${at} ${differences.map(differenceText).join('; ')}`;
}

/** Lines that sum up a replay. */
export function showCounts(counts: ReplayCounts): string[] {
  const { requests, same, changed, failed, skipped, partial, withoutQuery, redacted, damaged } = counts;
  const names = printableList([...redacted].map(([name, times]) => `${name} (${times})`));
  return [
    `${were(requests, 'request', 'requests')}: ${same} same, ${changed} changed, ${failed} failed, ${skipped} skipped`,
    ...(partial > 0 ? [`  of ${partial}, only the first events could be asked: the rest is not in the file`] : []),
    ...(skipped > 0 ? [`  ${skipped} had no decision to compare, or no body`] : []),
    ...(withoutQuery > 0
      ? [`  ${were(withoutQuery, 'was asked without its', 'were asked without their')} query, which was not recorded`]
      : []),
    ...(names === ''
      ? []
      : [`  redacted headers were not sent: ${names}; -H 'name: value' sends a value in their place`]),
    ...(damaged > 0 ? [`  ${were(damaged, 'line is', 'lines are')} not of a recording`] : []),
  ];
}
