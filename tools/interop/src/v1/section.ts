import { buildVersionOneRust } from '../builds/rust.ts';
import { versionOneCells } from './cell.ts';
import { compareVersionOneWithCommitted, judgeVersionOne, type VersionOneFinding } from './judge.ts';
import { playVersionOne } from './play.ts';

/** Section about version 1. */
export interface VersionOneSection {
  readonly findings: readonly VersionOneFinding[];
  /** Reason why the crate was not tested. */
  readonly absent?: string;
  /** Everything that was not as it should be. */
  readonly differences: readonly string[];
}

/** Builds the programs on the crate's version 1, where cargo is, and plays every scenario with every pair. */
export async function playVersionOneSection(): Promise<VersionOneSection> {
  const built = await buildVersionOneRust();
  const played = await playVersionOne(versionOneCells(built.ok), (all, { proxy, agent }) =>
    judgeVersionOne(all).some((one) => one.verdict === 'different' && one.proxy === proxy && one.agent === agent),
  );
  const findings = judgeVersionOne(played);
  const differences = [
    ...(built.ok || built.missing ? [] : [`✗ version 1: the crate's peers could not be built: ${built.why}`]),
    ...findings.flatMap(({ verdict, proxy, agent, scenario, complaints = [] }) =>
      verdict === 'different'
        ? complaints.map((complaint) => `✗ version 1, ${proxy} → ${agent}, ${scenario} ${complaint}`)
        : [],
    ),
    ...compareVersionOneWithCommitted(played).map((text) => `✗ ${text}`),
  ];
  return { findings, differences, ...(!built.ok && { absent: built.why }) };
}
