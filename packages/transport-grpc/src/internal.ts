// Internal entry for sibling packages and the repository's tests; it carries no promise of stability.
export {
  MESSAGE_STREAM_LIFECYCLE,
  MessageStream,
  type MessageStreamOptions,
  type MessageStreamState,
  type MessageStreamUser,
} from './connection/message-stream.ts';
export {
  SESSION_DRAIN_LIFECYCLE,
  SessionDrain,
  type SessionDrainDeps,
  type SessionDrainState,
} from './connection/session-drain.ts';
