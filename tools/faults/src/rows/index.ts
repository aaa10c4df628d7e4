import type { Row } from '../row.ts';
import { kill } from './r1-kill.ts';
import { restart } from './r2-restart.ts';
import { stopped } from './r3-stopped.ts';
import { ends } from './r4-ends.ts';
import { hung } from './r5-hung.ts';
import { slow } from './r6-slow.ts';
import { trickle } from './r7-trickle.ts';
import { many } from './r8-many.ts';
import { prefix } from './r9-prefix.ts';
import { cuts } from './r10-cuts.ts';
import { bombs } from './r11-bombs.ts';
import { undecodable } from './r12-undecodable.ts';
import { http2 } from './r13-http2.ts';
import { ids } from './r14-ids.ts';
import { cancel } from './r15-cancel.ts';
import { drain } from './r16-drain.ts';
import { exhausted } from './r17-exhausted.ts';
import { soak } from './r18-soak.ts';
import { proxyRestart } from './v1-restart.ts';
import { tlsMatrix } from './v2-tls.ts';
import { takeover } from './v3-takeover.ts';
import { badRegistrations } from './v4-flood.ts';
import { slowRegistrations } from './v5-loris.ts';
import { badTokens } from './v6-tokens.ts';
import { poolKill } from './p1-kill.ts';
import { poolStopped } from './p2-stopped.ts';
import { poolDrain } from './p3-drain.ts';
import { slowBeside } from './p4-slow.ts';
import { manyDropped } from './p5-many.ts';
import { flapping } from './p6-flapping.ts';
import { oneOfFour } from './p7-one-of-four.ts';
import { goAwayOnAll } from './p8-goaway.ts';
import { pauses } from './p9-pauses.ts';
import { endings } from './g1-endings.ts';
import { clients } from './g2-clients.ts';
import { upstreams } from './g3-upstreams.ts';
import { gatewayDrain } from './g4-drain.ts';
import { admin } from './g5-admin.ts';
import { descriptors } from './g6-descriptors.ts';
import { agentMidBody } from './g7-agent.ts';
import { memory } from './g8-memory.ts';
import { deaf } from './g9-deaf.ts';

/** Every row of the board, in its order. */
export const ROWS: readonly Row[] = [
  kill,
  restart,
  stopped,
  ends,
  hung,
  slow,
  trickle,
  many,
  prefix,
  cuts,
  bombs,
  undecodable,
  http2,
  ids,
  cancel,
  drain,
  exhausted,
  soak,
  proxyRestart,
  tlsMatrix,
  takeover,
  badRegistrations,
  slowRegistrations,
  badTokens,
  poolKill,
  poolStopped,
  poolDrain,
  slowBeside,
  manyDropped,
  flapping,
  oneOfFour,
  goAwayOnAll,
  pauses,
  endings,
  clients,
  upstreams,
  gatewayDrain,
  admin,
  descriptors,
  agentMidBody,
  memory,
  deaf,
];
