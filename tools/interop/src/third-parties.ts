import { startAgent } from './agents/agent-process.ts';
import { type Built, buildWith, run } from './builds/build.ts';
import { here } from './builds/paths.ts';
import { complaintsOf } from './judge/judge.ts';
import { agentCommand, inParallel, transportOf } from './matrix.ts';
import type { Outcome } from './outcome/outcome.ts';
import { playAll } from './proxies/play-all.ts';
import { connectPoolPeer } from './proxies/pool-peer.ts';
import { Relay } from './proxies/relay-peer.ts';
import { connectSessionPeer } from './proxies/session-peer.ts';
import { EXPECTED } from './scenarios/expected.ts';

/** A gRPC library that is not ours, with programs of this folder on it. */
interface ThirdParty {
  readonly name: string;
  readonly client: readonly string[];
  readonly agent: readonly string[];
  build(): Promise<Built>;
}

const THIRD_PARTIES: readonly ThirdParty[] = [
  {
    name: 'grpc-js',
    client: [process.execPath, here('peers/grpc-js/client.ts')],
    agent: [process.execPath, here('peers/grpc-js/agent.ts')],
    build: () => Promise.resolve({ ok: true }),
  },
  {
    name: 'python',
    client: ['python3', here('peers/python/client.py')],
    agent: ['python3', here('peers/python/agent.py')],
    build: () => buildWith(['python3', 'protoc'], () => run(here('peers/python/build.sh'), [])),
  },
  {
    name: 'go',
    client: [here('peers/go/.bin/client')],
    agent: [here('peers/go/.bin/agent')],
    build: () => buildWith(['go', 'protoc'], () => run(here('peers/go/build.sh'), [])),
  },
];

/** Pairing of asking and deciding side. */
export type ThirdPartyPairing = 'client → ours' | 'session → agent' | 'pool → agent';
export const THIRD_PARTY_PAIRINGS: readonly ThirdPartyPairing[] = ['client → ours', 'session → agent', 'pool → agent'];

/** Finding of one scenario with one third-party peer. */
export interface ThirdPartyFinding {
  readonly thirdParty: string;
  readonly pairing: ThirdPartyPairing;
  readonly scenario: string;
  readonly complaints: readonly string[];
}

/** Third-party peer that could not be built. */
export interface Absent {
  readonly thirdParty: string;
  /** Its toolchain is not there, which is no failure. */
  readonly missing: boolean;
  readonly why: string;
}

async function play(thirdParty: ThirdParty, pairing: ThirdPartyPairing): Promise<Outcome[]> {
  const asks = pairing === 'client → ours';
  const agent = await startAgent(asks ? agentCommand('ours', 'grpc', '') : thirdParty.agent, 1);
  const endpoint = agent.endpoints[0] ?? '';
  const relay = asks ? new Relay(thirdParty.client, endpoint) : undefined;
  const transport = transportOf('grpc');
  const connect = pairing === 'session → agent' ? connectSessionPeer : connectPoolPeer;
  try {
    return await playAll(() => relay?.connect() ?? connect(transport, endpoint, 'json'));
  } finally {
    relay?.end();
    await agent.stop();
  }
}

/** Builds every third-party peer and plays every scenario with it, in both directions. */
export async function playThirdParties(): Promise<{ findings: ThirdPartyFinding[]; absent: Absent[] }> {
  const built = await Promise.all(
    THIRD_PARTIES.map(async (thirdParty) => ({ thirdParty, built: await thirdParty.build() })),
  );
  const absent = built.flatMap(({ thirdParty, built: { ...one } }): Absent[] =>
    one.ok ? [] : [{ thirdParty: thirdParty.name, missing: one.missing, why: one.why }],
  );
  const there = built.filter(({ built: { ok } }) => ok).map(({ thirdParty }) => thirdParty);
  const jobs = there.flatMap((thirdParty) => THIRD_PARTY_PAIRINGS.map((pairing) => ({ thirdParty, pairing })));
  const findings = await inParallel(jobs, async ({ thirdParty, pairing }) => {
    const outcomes = await play(thirdParty, pairing);
    return [...EXPECTED.keys()].map((scenario): ThirdPartyFinding => {
      const complaints = complaintsOf(scenario, outcomes, 'grpc');
      return { thirdParty: thirdParty.name, pairing, scenario, complaints };
    });
  });
  return { findings: findings.flat(), absent };
}
