import { ALLOW, DEFAULT_CAPABILITIES, systemClock, type Decision, type ProxyEvent } from '@agentwire/core';
import { delay } from '@agentwire/core/internal';
import { serveSessions, type AgentRequest, type AgentSession } from '@agentwire/core/session';
import { monotonicMs } from '../now.ts';
import { AGENT_HELLO, announce, readProgramArguments } from './program.ts';

// An agent that ends its own session in the way that a request asks for.

const { transport, address, ...given } = readProgramArguments();
const sessions = new Map<string, AgentSession>();
/** Sessions that paused, with the time of it; and the longest that a request came after that, in milliseconds. */
const pausedAt = new Map<string, number>();
let latestMs = 0;

/** Asks every proxy for a pause, or ends it. */
function flow(action: 'pause' | 'resume'): void {
  const now = monotonicMs();
  for (const [id, session] of sessions) {
    if (action === 'pause') pausedAt.set(id, now);
    else pausedAt.delete(id);
    session.notify({ type: 'flowControl', action });
  }
}

const ENDS: Readonly<Record<string, (session: AgentSession) => unknown>> = {
  destroy: (session) => session.connection.abort(),
  close: (session) => session.close(),
  drain: (session) => session.drain({ timeoutMs: 5_000 }),
};

function onEvent(event: ProxyEvent, request: AgentRequest): Decision | Promise<Decision> {
  if (event.type !== 'requestHeaders') return ALLOW;
  const query = new URLSearchParams(event.uri.split('?')[1]);
  const how = query.get('how');
  if (how === 'pause' || how === 'resume') {
    const before = latestMs;
    latestMs = 0;
    flow(how);
    return { verdict: { type: 'allow' }, audit: { tags: [`n:${before}`, `at:${monotonicMs()}`] } };
  }
  // the orders themselves come over a connection that paused
  const since = pausedAt.get(request.connection.id);
  if (since !== undefined) latestMs = Math.max(latestMs, monotonicMs() - since);
  if (how !== null) {
    const session = sessions.get(request.connection.id);
    // not from inside the handler: its answer is sent first, as any other would be
    setImmediate(() => session !== undefined && void ENDS[how]?.(session));
    return ALLOW;
  }
  const decision: Decision = { verdict: { type: 'allow' }, audit: { tags: [`n:${query.get('n')}`] } };
  return delay(systemClock, Number(query.get('ms') ?? 0)).then(() => decision);
}

const listener = await serveSessions(
  transport,
  address,
  {
    onEvent,
    onOpen: (session) => sessions.set(session.connection.id, session),
    onClose: (_reason, session) => sessions.delete(session.connection.id),
  },
  { self: { ...AGENT_HELLO, capabilities: { ...DEFAULT_CAPABILITIES, flowControl: true } }, ...given },
);
announce(listener.address);
