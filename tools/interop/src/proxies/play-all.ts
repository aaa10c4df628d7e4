import type { Outcome } from '../outcome/outcome.ts';
import { Recorder } from '../scenarios/recorder.ts';
import { SCENARIOS } from '../scenarios/scenarios.ts';
import type { Peer } from './peer.ts';

/** Plays every scenario, each on a new connection. */
export async function playAll(connect: () => Promise<Peer>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const scenario of SCENARIOS) {
    let peer: Peer;
    try {
      peer = await connect();
    } catch (error) {
      outcomes.push({ scenario: scenario.name, step: 'connect', seen: { error: (error as Error).message } });
      continue;
    }
    const at = new Recorder(peer, scenario.name);
    try {
      await scenario.play(at, scenario.name);
    } catch (error) {
      at.note('play', { error: (error as Error).message });
    }
    outcomes.push(...at.outcomes);
    await peer.close();
  }
  return outcomes;
}
