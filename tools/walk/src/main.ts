import { parseArgs } from 'node:util';
import { excesses, LIMITS } from './limits.ts';
import { openRequestPath } from './request.ts';
import { sizeOf, sizesByPackage, walk } from './walk.ts';

const HELP = `Counts the files and calls of this repository that one warm request takes, from the pool over a Unix socket
to the agent and back, both ends together.

  --files  lists every file with its functions
  --check  exits with 1 if a limit is exceeded (${LIMITS.files} files, ${LIMITS.calls} calls)
`;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

const { values } = parseArgs({
  options: { files: { type: 'boolean' }, check: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (values.help === true) print(HELP);
else {
  const path = await openRequestPath();
  const walked = await walk(() => path.request());
  await path[Symbol.asyncDispose]();
  const size = sizeOf(walked);
  for (const [name, { files, calls }] of [...sizesByPackage(walked), ['all', size] as const])
    print(`${name.padEnd(16)} ${String(files).padStart(3)} files ${String(calls).padStart(4)} calls`);
  if (values.files === true) {
    for (const [file, functions] of Map.groupBy(walked, ({ file: one }) => one))
      print(`${file}\n${functions.map(({ name, calls }) => `  ${String(calls).padStart(3)} ${name}`).join('\n')}`);
  }
  const over = values.check === true ? excesses(size) : [];
  for (const line of over) print(line);
  if (over.length > 0) process.exitCode = 1;
}
