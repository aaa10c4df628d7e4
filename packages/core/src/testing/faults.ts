import type { ConnectionHandler } from '../contract/connection.ts';
import type { OnConnection, Transport } from '../contract/transport.ts';
import type { FaultPlan } from './fault-plan.ts';
import { FaultyHandler } from './faulty-handler.ts';

/**
 * Wraps a transport so that chosen things go wrong, for tests of sessions and pools.
 *
 * Faults happen between the medium and the receiving handler, on both ends that use the wrapped object.
 * What is still delayed when a connection ends is lost.
 */
export function withFaults(transport: Transport, plan: FaultPlan): Transport {
  let attempts = 0;
  const faulty =
    (onConnection: OnConnection, end: 'dialled' | 'accepted'): OnConnection =>
    (connection): ConnectionHandler =>
      new FaultyHandler(onConnection(connection), { connection, end }, plan);
  return {
    name: transport.name,
    schemes: transport.schemes,
    dials: transport.dials,
    async connect(address, options) {
      const refusal = plan.connect?.(address, attempts);
      attempts += 1;
      if (refusal !== undefined) throw refusal;
      return transport.connect(address, { ...options, onConnection: faulty(options.onConnection, 'dialled') });
    },
    listen: (address, options) =>
      transport.listen(address, { ...options, onConnection: faulty(options.onConnection, 'accepted') }),
    ...(transport.withTls !== undefined && {
      withTls: (tls) => withFaults(transport.withTls?.(tls) ?? transport, plan),
    }),
  };
}
