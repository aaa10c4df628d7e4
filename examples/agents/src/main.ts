// Runs the checks that are named, or all of them. Ends with 0 only if each holds.
import { Lab } from './lab.ts';

const EXAMPLES = [
  'rate-limit',
  'jwt-auth',
  'waf-rules',
  'redact',
  'guardrail',
  'token-stream',
  'audit-log',
  'behind-nat',
  'canary',
];

const names = process.argv.length > 2 ? process.argv.slice(2) : EXAMPLES;
for (const name of names) {
  if (!EXAMPLES.includes(name)) throw new Error(`${name} is none of ${EXAMPLES.join(', ')}`);
  process.stdout.write(`== ${name}\n`);
  const { check } = (await import(`./${name}/check.ts`)) as { check: (lab: Lab) => Promise<void> };
  const lab = new Lab();
  try {
    await check(lab);
  } finally {
    await lab.close();
  }
  if (!lab.passed) process.exitCode = 1;
}
