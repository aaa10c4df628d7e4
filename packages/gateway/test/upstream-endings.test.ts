import { ALLOW, type Decision } from '@agentwire/core';
import { sharedBodyQuota } from '@agentwire/mmap-buffer';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CLIENTS, playEnding } from './support/ending-client.ts';
import { randomOf, serveEndings, turns } from './support/ending-server.ts';
import { ENDINGS } from './support/upstream-endings.ts';
import { type Agents, setup } from './setup.ts';

const ROUNDS = Number(process.env['ENDING_ROUNDS'] ?? 2);
const SEED = Number(process.env['ENDING_SEED'] ?? 7);

const reads: Decision = { ...ALLOW, needsMore: true };
const AGENTS: Record<string, Agents> = {
  none: {},
  head: { judge: () => ALLOW },
  'head, decided late': { judge: () => turns(20).then(() => ALLOW) },
  body: { judge: (event) => ('last' in event && event.last ? ALLOW : reads) },
};

describe.each(Object.keys(AGENTS))('an agent that reads: %s', (agent) => {
  test.each(CLIENTS)('no ending of the upstream ends the gateway or passes for another: client %s', async (client) => {
    const upstream = await serveEndings();
    onTestFinished(() => upstream.close());
    const { url, gateway } = await setup(AGENTS[agent] ?? {}, { upstream: upstream.origin });
    const wrong: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const random = randomOf(SEED * 1000 + round);
      await Promise.all(
        ENDINGS.map(async (_ending, at) => {
          const fault = await playEnding(url, at, client, random);
          if (fault !== undefined) wrong.push(`round ${round}: ${fault}`);
        }),
      );
    }
    expect(wrong).toEqual([]);
    await expect.poll(() => gateway.stats.active, { timeout: 10_000 }).toBe(0);
    expect(sharedBodyQuota.usedBytes).toBe(0);
  });
});
