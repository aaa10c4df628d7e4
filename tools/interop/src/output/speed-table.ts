import { availableParallelism, loadavg } from 'node:os';
import { MEDIA } from '../judge/cell.ts';
import type { LoadName, Speed } from '../speed/speed.ts';

const PAIRS: readonly (readonly [load: LoadName, agent: 'ours' | 'crate'])[] = [
  ['ours', 'ours'],
  ['ours', 'crate'],
  ['crate', 'ours'],
  ['crate', 'crate'],
];

/** Requests a second, and how ours compares with the crate. */
export function speedTable(speeds: readonly Speed[]): string[] {
  const head = PAIRS.map(([load, agent]) => `${load} → ${agent}`.padStart(15)).join('');
  const lines = ['requests a second, load → agent, one connection', `${''.padEnd(18)}${head}  ours/crate  agent  load`];
  for (const medium of MEDIA) {
    for (const inFlight of new Set(speeds.map((one) => one.inFlight))) {
      const of = (load: string, agent: string): number =>
        speeds.find(
          (one) => one.medium === medium && one.inFlight === inFlight && one.load === load && one.agent === agent,
        )?.requestsPerSecond ?? 0;
      const crate = of('crate', 'crate');
      const figures = PAIRS.map(([load, agent]) => of(load, agent).toLocaleString('en').padStart(15)).join('');
      const ratio = (value: number, width: number): string => `×${(value / crate).toFixed(2)}`.padStart(width);
      const ratios = `${ratio(of('ours', 'ours'), 12)}${ratio(of('crate', 'ours'), 7)}${ratio(of('ours', 'crate'), 6)}`;
      lines.push(`${`${medium} ${inFlight}`.padEnd(18)}${figures}${ratios}`);
    }
  }
  lines.push(
    "ours/crate: both ends ours against both ends the crate's; agent: the crate's load on our agent against on its own;",
    "load: our load on the crate's agent against the crate's load; what else this machine does changes all of them:",
    `load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`,
  );
  const errors = speeds.filter((one) => Object.keys(one.errors).length > 0);
  for (const one of errors)
    lines.push(`errors ${one.medium} ${one.load} → ${one.agent}: ${JSON.stringify(one.errors)}`);
  return lines;
}
