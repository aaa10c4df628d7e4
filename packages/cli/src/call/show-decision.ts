import { jsonText } from '../output/json-text.ts';
import { type Terminal, tint } from '../output/terminal.ts';
import type { CallDecision } from './call-decision.ts';

const isEmpty = (value: unknown): boolean =>
  value === null || value === false || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Returns a body mutation with its data as text, where it is text; else as it is, in base64. */
function withText(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('data' in value) || typeof value.data !== 'string') return value;
  try {
    return { ...value, data: decoder.decode(Buffer.from(value.data, 'base64')) };
  } catch {
    return { ...value, encoding: 'base64' };
  }
}

/** Human-readable decision: the verdict, and each other field on a line of its own. */
export function showDecision(decision: CallDecision, stream: Terminal['stdout']): string {
  const { phase, latencyMs, decision: verdict, audit, ...rest } = decision;
  const allowed = verdict === 'allow';
  const text = typeof verdict === 'string' ? verdict : jsonText(verdict);
  const lines = [
    `${phase.padEnd(16)} ${tint(allowed ? 'good' : 'bad', text, stream)} ${tint('quiet', `${latencyMs} ms`, stream)}`,
  ];
  for (const [name, value] of Object.entries({ ...rest, ...audit })) {
    if (!isEmpty(value))
      lines.push(
        `  ${tint('quiet', name.padEnd(24), stream)} ${jsonText(name.endsWith('_body_mutation') ? withText(value) : value)}`,
      );
  }
  return lines.join('\n');
}
