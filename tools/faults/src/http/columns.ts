import type { Column } from '../columns.ts';

/** Why a row with the gateway program says nothing in a column. */
export function noGateway({ medium, dialect }: Column): string | undefined {
  if (medium !== 'frames' || dialect === 'documented') return undefined;
  return 'the gateway program speaks the documented dialect to agents that know it';
}

/** Why a row without an agent says nothing in a column: one of them has it. */
export function onlyOnce({ id }: Column): string | undefined {
  return id === 'uds-json' ? undefined : 'no agent has a part in it; see uds-json';
}
