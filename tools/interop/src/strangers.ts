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
interface Stranger {
  readonly name: string;
  readonly client: readonly string[];
  readonly agent: readonly string[];
  build(): Promise<Built>;
}

const STRANGERS: readonly Stranger[] = [
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

/** Who asks whom. */
export type StrangerPairing = 'client → ours' | 'session → agent' | 'pool → agent';
export const STRANGER_PAIRINGS: readonly StrangerPairing[] = ['client → ours', 'session → agent', 'pool → agent'];

/** What is to be said of one scenario with one stranger. */
export interface StrangerFinding {
  readonly stranger: string;
  readonly pairing: StrangerPairing;
  readonly scenario: string;
  readonly complaints: readonly string[];
}

/** A stranger that could not be built. */
export interface Absent {
  readonly stranger: string;
  /** Its toolchain is not there, which is no failure. */
  readonly missing: boolean;
  readonly why: string;
}

async function play(stranger: Stranger, pairing: StrangerPairing): Promise<Outcome[]> {
  const asks = pairing === 'client → ours';
  const agent = await startAgent(asks ? agentCommand('ours', 'grpc', '') : stranger.agent, 1);
  const endpoint = agent.endpoints[0] ?? '';
  const relay = asks ? new Relay(stranger.client, endpoint) : undefined;
  const transport = transportOf('grpc');
  const connect = pairing === 'session → agent' ? connectSessionPeer : connectPoolPeer;
  try {
    return await playAll(() => relay?.connect() ?? connect(transport, endpoint, 'json'));
  } finally {
    relay?.end();
    await agent.stop();
  }
}

/** Builds every stranger and plays every scenario with it, in both directions. */
export async function playStrangers(): Promise<{ findings: StrangerFinding[]; absent: Absent[] }> {
  const built = await Promise.all(STRANGERS.map(async (stranger) => ({ stranger, built: await stranger.build() })));
  const absent = built.flatMap(({ stranger, built: { ...one } }): Absent[] =>
    one.ok ? [] : [{ stranger: stranger.name, missing: one.missing, why: one.why }],
  );
  const there = built.filter(({ built: { ok } }) => ok).map(({ stranger }) => stranger);
  const jobs = there.flatMap((stranger) => STRANGER_PAIRINGS.map((pairing) => ({ stranger, pairing })));
  const findings = await inParallel(jobs, async ({ stranger, pairing }) => {
    const outcomes = await play(stranger, pairing);
    return [...EXPECTED.keys()].map((scenario): StrangerFinding => {
      const complaints = complaintsOf(scenario, outcomes, 'grpc');
      return { stranger: stranger.name, pairing, scenario, complaints };
    });
  });
  return { findings: findings.flat(), absent };
}
