import { affinity } from './cases/affinity.ts';
import { circuitBreaker } from './cases/circuit-breaker.ts';
import { connection } from './cases/connection.ts';
import { exchange } from './cases/exchange.ts';
import { ejection } from './cases/ejection.ts';
import { eventSender, proxySession } from './cases/proxy-session.ts';
import { grpcDrain, grpcMessageStream } from './cases/grpc.ts';
import { handlerRun } from './cases/handler-run.ts';
import { pauseLease } from './cases/pause-lease.ts';
import { pooledConnection } from './cases/pooled-connection.ts';
import { reconnect } from './cases/reconnect.ts';
import { targetSession } from './cases/target-session.ts';
import { upstreamDispatch } from './cases/upstream-dispatch.ts';
import { worker } from './cases/worker.ts';
import type { LifecycleCase } from './lifecycle-case.ts';

/**
 * Every class whose states have a diagram. To add one:
 *
 * 1. beside the class, `export const NAME_LIFECYCLE: Lifecycle<NameState> = { state: { event: 'next state' } }`, and `#state:
 *    NameState` in the class; export the table from the package's `internal.ts`;
 * 2. a case in `cases/`: makes an object in the first state and causes each event; name it in the list here;
 * 3. a section with a pair of markers in `docs/lifecycle.md`, then
 *    `node --conditions=@agentwire/source test/lifecycle/write-page.ts`.
 */
export const CASES: readonly LifecycleCase[] = [
  connection,
  pooledConnection,
  reconnect,
  upstreamDispatch,
  targetSession,
  grpcMessageStream,
  grpcDrain,
  circuitBreaker,
  ejection,
  affinity,
  pauseLease,
  proxySession,
  exchange,
  eventSender,
  handlerRun,
  worker,
];
