import { ROWS } from './src/plan/rows.ts';
import { runCell } from './src/run/cell.ts';
const want = (process.argv[2] ?? '').split(',').filter(Boolean);
const at = process.argv[4] ? Number(process.argv[4]) : undefined;
for (let k = 0; k < Number(process.argv[5] ?? 1); k++)
for (const row of ROWS) { if (want.length && !want.includes(row.id)) continue; const n = at ?? (row.loads.at(-1)!.inFlight > 256 ? 10000 : row.loads.find(l=>l.inFlight===64)?.inFlight ?? row.loads[0]!.inFlight);
 try { const r = await runCell(row, n, {seconds: Number(process.argv[3]??1), warmupSeconds: 1, profiles: process.env.PROF}); console.log(row.id, n, r.requestsPerSecond, JSON.stringify(r.latencyMs), r.cpuMicroseconds.client.toFixed(2), r.cpuMicroseconds.server.toFixed(2), JSON.stringify(r.errors), (r.rssBytes/1e6).toFixed(0), r.foreign.toFixed(2)); } catch (e) { console.log(row.id, String(e).slice(0,1500)); } }
