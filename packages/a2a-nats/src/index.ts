export {
  DURABLE_STREAM_DEFAULTS,
  type DurableStreamOptions,
  NATS_BACKEND_DEFAULTS,
  type NatsBackendOptions,
  type ResolvedNatsBackendOptions,
  resolveDurableStreamOptions,
  resolveNatsBackendOptions,
} from './backend-options.ts';
export type { DurableHandler, DurableInbox, DurableInboxOptions, DurableInboxStats } from './durable-inbox.ts';
export type { DurableDeadLetter } from './durable-streams.ts';
export { createNatsBackend, type NatsBackend, type NatsBackendStats } from './nats-backend.ts';
export { formatPermissions, type NodeGrants, type NodePermissions, nodePermissions } from './permissions.ts';
export { tail, type TailedMessage, type TailOptions } from './tail.ts';
