import { fileURLToPath } from 'node:url';
import { gatewayFileSchema } from '../src/file-schema.ts';
import { annotate, type Section } from './annotate.ts';
import { pageOf } from './page.ts';

/** Content of a generated file, before it is formatted. */
export interface Generated {
  readonly path: string;
  readonly text: string;
}

/** Returns the schema of a gateway's file with its descriptions, and the page with every key. */
export function generated(): readonly [schema: Generated, page: Generated] {
  const sections: Section[] = [];
  const schema = annotate(gatewayFileSchema(), sections);
  return [
    {
      path: fileURLToPath(new URL('../gateway.schema.json', import.meta.url)),
      text: `${JSON.stringify(schema, null, 2)}\n`,
    },
    { path: fileURLToPath(new URL('../../../docs/gateway-file.md', import.meta.url)), text: pageOf(sections) },
  ];
}
