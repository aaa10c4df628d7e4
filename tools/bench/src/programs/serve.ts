import { writeSync } from 'node:fs';
import { loadStack } from '../stacks/index.ts';

// node serve.ts STACK WHERE: the answering end in a process of its own; says `{"address"}` once it listens

const [name = '', where = ''] = process.argv.slice(2);
const stack = await loadStack(name);
const { address } = await stack.serve(where);
writeSync(1, `${JSON.stringify({ address })}\n`);
// SIGINT and SIGTERM end it through here, so that a CPU profile is written
process.once('SIGTERM', () => process.exit(0));
