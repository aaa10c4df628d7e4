import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

// Runs before a program (`--import`) and writes down every module that it loads, by import or by require: the hooks see
// both, while require.cache knows only the latter.

const urls = new Set<string>();
registerHooks({
  load(url, context, nextLoad) {
    urls.add(url);
    return nextLoad(url, context);
  },
});
process.on('exit', () => {
  const file = process.env['SMOKE_MODULES'];
  if (file !== undefined) writeFileSync(file, JSON.stringify([...urls]));
});
