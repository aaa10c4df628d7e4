#!/usr/bin/env node
// Builds the addon from native/mmap-buffer.c: `node native/build.mjs [--prebuild] [--out FILE]`.
//
// Needs a C compiler (CC, default cc) and the Node-API headers: those of the package node-api-headers if it is
// installed, else those that came with this Node.js. Never run by an installation.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { prebuild: { type: 'boolean' }, out: { type: 'string' } } });
const require = createRequire(import.meta.url);
const home = fileURLToPath(new URL('..', import.meta.url));
const source = join(home, 'native/mmap-buffer.c');
const folder = values.prebuild ? 'prebuilds' : 'build';
const target = values.out ?? join(home, folder, `${process.platform}-${process.arch}`, 'mmap-buffer.node');

function headers() {
  const shipped = join(dirname(process.execPath), '../include/node');
  try {
    return require('node-api-headers').include_dir;
  } catch {
    if (existsSync(join(shipped, 'node_api.h'))) return shipped;
    throw new Error(`no Node-API headers: install node-api-headers, or use a Node.js that has ${shipped}`);
  }
}

const link = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : ['-Wl,-z,relro,-z,now', '-s'];
const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-fstack-protector-strong', '-shared', '-fPIC'];
mkdirSync(dirname(target), { recursive: true });
execFileSync(process.env.CC ?? 'cc', [...flags, ...link, `-I${headers()}`, source, '-o', target], { stdio: 'inherit' });
if (values.prebuild) {
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex');
  writeFileSync(join(dirname(target), 'source.sha256'), `${hash}\n`);
}
console.log(`built ${target}`);
