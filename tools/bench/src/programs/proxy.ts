import { writeSync } from 'node:fs';
import { PROXIES } from '../http/proxies.ts';

// node proxy.ts NAME UPSTREAM [AGENT…]: one of the HTTP proxies in a process of its own

const [name = '', upstream = '', ...agents] = process.argv.slice(2);
const start = PROXIES[name];
if (start === undefined) throw new RangeError(`there is no proxy ${name}`);
writeSync(1, `${JSON.stringify({ address: await start(upstream, agents) })}\n`);
process.once('SIGTERM', () => process.exit(0));
