import type { Column } from '../columns.ts';

/** Reason why a row with the gateway program does not apply to a column. */
export function noGateway({ medium, dialect, reverse, tls }: Column): string | undefined {
  if (reverse !== undefined) return 'the gateway program dials here; rows V look at one that agents dial';
  if (medium === 'messages') return 'the relays of these rows change frames; see tcp';
  if (tls === true) return 'the gateway program has no authority here; see tcp';
  if (medium !== 'frames' || dialect === 'documented') return undefined;
  return 'the gateway program speaks the documented dialect to agents that know it';
}

/** Reason why a row without an agent runs in one column only. */
export function onlyOnce({ id }: Column): string | undefined {
  return id === 'uds-json' ? undefined : 'no agent has a part in it; see uds-json';
}
