import type { Drain, Shutdown } from '@agentwire/core';
import { present } from '../codec/reference/present.ts';

/** What a GOAWAY says besides its code, between our own ends: `{kind, reason, duration_ms}` as JSON. */
export function goawayData(message: Drain | Shutdown, ours: boolean): Buffer | undefined {
  if (!ours) return undefined;
  const { type, reason, durationMs } = message;
  return Buffer.from(JSON.stringify({ kind: type, reason: reason?.slice(0, 1024), duration_ms: durationMs }));
}

/** The message that a GOAWAY without an error is. Debug data that is not ours means nothing. */
export function messageOfGoaway(data: Uint8Array | undefined): Drain | Shutdown {
  try {
    const { kind, reason, duration_ms: durationMs } = JSON.parse(Buffer.from(data ?? []).toString()) as Record<string, unknown>;
    return present({
      type: kind === 'shutdown' ? ('shutdown' as const) : ('drain' as const),
      reason: typeof reason === 'string' ? reason : undefined,
      durationMs: typeof durationMs === 'number' && durationMs >= 0 ? durationMs : undefined,
    });
  } catch {
    return { type: 'drain' };
  }
}
