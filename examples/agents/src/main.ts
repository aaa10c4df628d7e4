// Runs the checks that are named, or all of them. Ends with 0 only if each holds.
import { Lab } from './lab.ts';

const EXAMPLES = ['rate-limit', 'jwt-auth', 'waf-rules'];

const names = process.argv.length > 2 ? process.argv.slice(2) : EXAMPLES;
for (const name of names) {
  if (!EXAMPLES.includes(name)) throw new Error(`${name} is none of ${EXAMPLES.join(', ')}`);
  process.stdout.write(`== ${name}\n`);
  const { check } = (await import(`./${name}/check.ts`)) as { check: (lab: Lab) => Promise<void> };
  await using lab = new Lab();
  await check(lab);
  if (!lab.passed) process.exitCode = 1;
}
