import { createUdsTransport } from '@agentwire/transport-uds';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { startAgent } from './agents/agent-process.ts';
import { AGENTWIRE } from './builds/paths.ts';
import { crateProgram } from './builds/rust.ts';
import { connectSessionPeer } from './proxies/session-peer.ts';
import { connectPoolPeer } from './proxies/pool-peer.ts';
import { playCrateProxy, readEntry } from './proxies/crate-proxy.ts';
import { playAll } from './proxies/play-all.ts';
import { EXPECTED, type Medium } from './scenarios/expected.ts';

const transports = { uds: createUdsTransport(), grpc: createGrpcTransport() };
for (const medium of ['uds-json', 'uds-msgpack', 'grpc'] as Medium[]) {
  const enc = medium === 'uds-msgpack' ? 'msgpack' : 'json';
  for (const whose of ['ours', 'crate']) {
    const sock = `/tmp/io/${medium}-${whose}.sock`;
    const cmd = whose === 'ours' ? [process.execPath, AGENTWIRE, 'agent', 'reference', '--listen', medium === 'grpc' ? 'grpc://127.0.0.1:0' : `unix:${sock}`]
      : [crateProgram('agent', enc), ...(medium === 'grpc' ? ['--grpc', '127.0.0.1:0'] : ['--uds', sock])];
    for (const proxy of ['session', 'pool', 'crate', 'crate-pool']) {
      const agent = await startAgent(cmd, 1);
      const endpoint = agent.endpoints[0]!;
      const t = medium === 'grpc' ? transports.grpc : transports.uds;
      const since = Date.now();
      const outcomes = proxy === 'session' ? await playAll(() => connectSessionPeer(t, endpoint, enc))
        : proxy === 'pool' ? await playAll(() => connectPoolPeer(t, endpoint, enc))
        : (await playCrateProxy(crateProgram('proxy', enc), endpoint, proxy === 'crate-pool')).map(readEntry);
      console.log(`==== ${medium} ${proxy} -> ${whose} ${Date.now() - since} ms`);
      for (const [name, steps] of EXPECTED) {
        const mine = outcomes.filter((o) => o.scenario === name);
        if (mine.length !== steps.length) { console.log(`  ${name}: ${mine.length} steps for ${steps.length}: ${JSON.stringify(mine).slice(0,300)}`); continue; }
        for (const [i, [step, check]] of steps.entries()) {
          const o = mine[i]!;
          const bad = o.step !== step ? `step ${o.step} instead of ${step}` : check(o.seen, { medium });
          if (bad) console.log(`  ${name} ${step}: ${bad.slice(0, 260)}`);
        }
      }
      await agent.stop();
    }
  }
}
