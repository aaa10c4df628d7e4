import type { Lifecycle } from '@agentwire/core/internal';

/**
 * States of a pooled connection. `replacing` dials the next session while the one before drains, and holds requests until then, also over
 * a wait of up to 1 s where that one was young; `waiting` is the backoff before the next attempt. A connection that the agent opened is `adopted`, and is not dialled again.
 */
export type PooledConnectionState = 'new' | 'dialling' | 'up' | 'replacing' | 'waiting' | 'adopted' | 'stopped';

/** Events of a pooled connection. */
export type PooledConnectionEvent =
  'dial' | 'adopt' | 'connected' | 'failed' | 'retry' | 'agent drains' | 'session ended' | 'stop';

/** Transitions of a pooled connection. */
export const POOLED_CONNECTION_LIFECYCLE: Lifecycle<PooledConnectionState> &
  Readonly<Record<PooledConnectionState, Partial<Record<PooledConnectionEvent, PooledConnectionState>>>> = {
  new: { dial: 'dialling', adopt: 'adopted', stop: 'stopped' },
  dialling: { connected: 'up', failed: 'waiting', stop: 'stopped' },
  up: { 'agent drains': 'replacing', 'session ended': 'waiting', stop: 'stopped' },
  replacing: { connected: 'up', failed: 'waiting', stop: 'stopped' },
  waiting: { retry: 'dialling', stop: 'stopped' },
  adopted: { 'session ended': 'stopped', stop: 'stopped' },
  stopped: {},
};

/** Returns the state after an event; an event that a state does not list changes nothing. */
export function nextState(state: PooledConnectionState, event: PooledConnectionEvent): PooledConnectionState {
  return POOLED_CONNECTION_LIFECYCLE[state][event] ?? state;
}
