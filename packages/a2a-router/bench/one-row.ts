// Started by main.ts: measures the row that is named once, in a process of its own, and prints it as JSON.
import { measureOnce } from './row.ts';
import { routerRows } from './router-rows.ts';
import { yardstickRows } from './yardstick-rows.ts';

const make = { ...routerRows, ...yardstickRows }[process.argv[2] ?? ''];
if (make !== undefined) process.stdout.write(JSON.stringify(await measureOnce(await make())));
process.exit();
