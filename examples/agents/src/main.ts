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

const failed: string[] = [];
const names = process.argv.length > 2 ? process.argv.slice(2) : EXAMPLES;
const unknown = names.find((name) => !EXAMPLES.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`${unknown} is none of ${EXAMPLES.join(', ')}\n`);
  process.exit(2);
}
for (const name of names) {
  process.stdout.write(`== ${name}\n`);
  const { check } = (await import(`./${name}/check.ts`)) as { check: (lab: Lab) => Promise<void> };
  const lab = new Lab();
  try {
    await check(lab);
  } catch (error) {
    lab.check(`it ended with ${String(error)}`, false);
  } finally {
    await lab.close();
  }
  if (lab.passed) continue;
  lab.showLog();
  failed.push(name);
}
process.stdout.write(
  failed.length === 0 ? `\nall of it as it should be: ${names.join(', ')}\n` : `\nFAILED: ${failed.join(', ')}\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
