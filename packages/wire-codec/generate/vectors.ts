// writes test/vectors anew, for a deliberate change of the wire only: the files hold frames of other releases
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { codecPair, FORMATS, frameOf } from '../test/messages/codec-pair.ts';
import { samplesOf } from '../test/messages/samples.ts';

const folder = fileURLToPath(new URL('../test/vectors/', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const { dialect, encoding } of FORMATS) {
  const pair = codecPair(dialect, encoding);
  const vectors = samplesOf(dialect).map(({ name, from, message }) => ({
    name,
    frame: frameOf(pair[from], message).toString('hex'),
  }));
  writeFileSync(`${folder}${dialect}-${encoding}.json`, `${JSON.stringify(vectors, null, 2)}\n`);
}
