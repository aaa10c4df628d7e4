import { buildRust } from './builds/rust.ts';
import { parseFlags, USAGE } from './flags.ts';
import { allCells } from './judge/cell.ts';
import { compareWithCommitted } from './judge/committed.ts';
import { judge } from './judge/judge.ts';
import { isSame, playMatrix } from './matrix.ts';
import { differences, matrixTable } from './output/matrix-table.ts';
import { speedTable } from './output/speed-table.ts';
import { thirdPartyDifferences, thirdPartyTable } from './output/third-parties-table.ts';
import { measureSpeed, type Speed } from './speed/speed.ts';
import { playThirdParties } from './third-parties.ts';
import { versionOneTable } from './output/version-one-table.ts';
import { playVersionOneSection, type VersionOneSection } from './v1/section.ts';

const flags = parseFlags(process.argv.slice(2));
if (flags === undefined) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}

const since = performance.now();
const say = (text: string): void => {
  process.stderr.write(`${((performance.now() - since) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
};

say('building the peers on the released crate');
const rust = await buildRust();
if (!rust.ok) say(rust.missing ? rust.why : `the crate's peers could not be built: ${rust.why}`);

say('playing every message and decision');
const cells = allCells(rust.ok);
const { played, again } = await playMatrix(cells, (all) => {
  const different = judge(all).filter(({ verdict }) => verdict === 'different');
  return cells.filter((cell) => different.some((finding) => isSame(finding, cell)));
});
for (const { medium, proxy, agent } of again)
  say(`played again, because it differed at first: ${medium}, ${proxy} → ${agent}`);
const findings = judge(played);
const committed = compareWithCommitted(played);

let thirdParties: Awaited<ReturnType<typeof playThirdParties>> = { findings: [], absent: [] };
if (flags.peers) {
  say('the same with grpc-js, grpcio and grpc-go');
  thirdParties = await playThirdParties();
}

let old: VersionOneSection = { findings: [], differences: [] };
if (flags.versionOne) {
  say('building the peers of version 1, and playing it');
  old = await playVersionOneSection();
}

let speeds: Speed[] = [];
if (flags.speed && rust.ok) {
  say('measuring');
  speeds = await measureSpeed(flags.quick);
}

const wrong = [
  ...(rust.ok || rust.missing ? [] : [`✗ the crate's peers could not be built: ${rust.why}`]),
  ...differences(findings),
  ...committed.map((text) => `✗ ${text}`),
  ...thirdPartyDifferences(thirdParties.findings),
  ...old.differences,
  ...thirdParties.absent.filter(({ missing }) => !missing).map(({ thirdParty, why }) => `✗ ${thirdParty}: ${why}`),
];
const seconds = Math.round((performance.now() - since) / 1000);
if (flags.json) {
  const document = {
    seconds,
    rust,
    matrix: findings,
    again,
    committed,
    peers: thirdParties,
    versionOne: old,
    speed: speeds,
    differences: wrong,
  };
  process.stdout.write(`${JSON.stringify(document)}\n`);
} else {
  const parts = [matrixTable(findings)];
  if (flags.peers) parts.push(thirdPartyTable(thirdParties.findings, thirdParties.absent));
  if (flags.versionOne) parts.push(versionOneTable(old));
  if (speeds.length > 0) parts.push(speedTable(speeds));
  const same = findings.filter(({ verdict }) => verdict === 'same').length;
  const explained = findings.filter(({ verdict }) => verdict === 'explained').length;
  const others = thirdParties.findings.filter(({ complaints }) => complaints.length === 0).length;
  const oldSame = old.findings.filter(({ verdict }) => verdict === 'same').length;
  const total = `${same} of ${findings.length} as expected, ${explained} explained by what the crate cannot do; ${others} of ${thirdParties.findings.length} with other gRPC peers; ${oldSame} of ${old.findings.length} in version 1; ${wrong.length} differences; ${seconds} s`;
  parts.push(wrong.length > 0 ? [...wrong, total] : [total]);
  process.stdout.write(`${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`);
}
process.exitCode = wrong.length > 0 ? 1 : 0;
