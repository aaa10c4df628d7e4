export {
  DURABLE_STREAM_DEFAULTS,
  type DurableStreamOptions,
  NATS_BACKEND_DEFAULTS,
  type NatsBackendOptions,
  type ResolvedNatsBackendOptions,
  resolveDurableStreamOptions,
  resolveNatsBackendOptions,
} from './backend-options.ts';
export type { DurableDeadLetter } from './durable-dead-letter.ts';
export type { DurableInbox } from './durable-inbox.ts';
export {
  DURABLE_INBOX_DEFAULTS,
  type DurableHandler,
  type DurableInboxOptions,
  type ResolvedDurableInboxOptions,
  resolveDurableInboxOptions,
} from './durable-options.ts';
export type { DurableInboxStats } from './durable-worker.ts';
export { createNatsBackend, type NatsBackend, type NatsBackendStats } from './nats-backend.ts';
export { createNatsAuth, type NatsCredentials } from './nats-auth.ts';
export { formatPermissions, type NodeGrants, type NodePermissions, nodePermissions } from './permissions.ts';
export type { NodePresence } from './presence.ts';
export type { AnnouncedService } from './presence-text.ts';
export { tail, type TailedMessage, type TailOptions } from './tail.ts';
