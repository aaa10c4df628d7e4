import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { COLUMNS, type Column } from './columns.ts';
import type { Row } from './row.ts';

/** Command line of the program. */
export interface Flags {
  readonly rows: readonly Row[];
  readonly columns: readonly Column[];
  readonly quick: boolean;
  readonly jsonFile: string;
}

const USAGE = `pnpm faults [--row R1]… [--transport uds-json]… [--quick] [--json FILE]
  --row        only this row; may be given more than once. R18, the soak, is run with --row R18 alone
  --transport  only this column; may be given more than once
  --quick      fewer rounds, and without some columns unless they are named
  --json       where the results go; default tools/faults/faults-results/faults.json`;
const RESULTS = fileURLToPath(new URL('../faults-results/faults.json', import.meta.url));

function choose<T extends { readonly id: string }>(
  what: string,
  all: readonly T[],
  wanted: readonly string[],
): readonly T[] {
  for (const word of wanted) {
    if (all.some(({ id }) => id === word)) continue;
    throw new TypeError(`no ${what} ${word}; there are ${all.map(({ id }) => id).join(', ')}\n${USAGE}`);
  }
  return wanted.length === 0 ? all : all.filter(({ id }) => wanted.includes(id));
}

/** Reads the command line. @throws TypeError that says how it is used */
export function readFlags(words: readonly string[], rows: readonly Row[]): Flags {
  const { values } = parseArgs({
    args: [...words],
    options: {
      row: { type: 'string', multiple: true, default: [] },
      transport: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: RESULTS },
    },
  });
  return {
    rows: choose('row', rows, values.row).filter(({ long }) => long !== true || values.row.length > 0),
    columns: choose('transport', COLUMNS, values.transport).filter(
      (column) => !values.quick || column.quick || values.transport.length > 0,
    ),
    quick: values.quick,
    jsonFile: values.json,
  };
}
