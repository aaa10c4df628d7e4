// The gate's last line: how many tests passed and failed, and how many could not run here.
import { readFileSync } from 'node:fs';

const results = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const skipped = results.numPendingTests > 0 ? `, ${results.numPendingTests} skipped` : '';
process.stdout.write(`${results.numPassedTests} passed, ${results.numFailedTests} failed${skipped}\n`);
if (results.numPassedTests === 0 || results.numFailedTests > 0) process.exitCode = 1;
