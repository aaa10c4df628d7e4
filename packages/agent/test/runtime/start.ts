import type { Peer } from '@agentwire/core';
import type { Logger } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { defineAgent, type AgentDefinition, type ChallengeFallback } from '../../src/index.ts';
import { AgentRuntime } from '../../src/runtime/agent-runtime.ts';
import { FakeConnection, OURS } from '../fake-connection.ts';

/** A runtime with a clock that stands still, and connections to it. */
export interface Started {
  readonly runtime: AgentRuntime;
  readonly clock: ManualClock;
  readonly connect: (peer?: Peer) => FakeConnection;
}

/** Starts an agent without any transport. */
export function start<State>(
  definition: Partial<AgentDefinition<State>>,
  options: { logger?: Logger; challengeFallback?: ChallengeFallback } = {},
): Started {
  const clock = createManualClock();
  const { logger = silentLogger, challengeFallback = 'block' } = options;
  const agent = defineAgent<State>({ name: 'test', version: '1', ...definition });
  const runtime = new AgentRuntime(agent, { clock, logger, challengeFallback });
  return { runtime, clock, connect: (peer = OURS) => new FakeConnection(runtime, peer, { clock, logger }) };
}
