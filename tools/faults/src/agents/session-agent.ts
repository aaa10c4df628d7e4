import { ALLOW, systemClock, type Decision, type ProxyEvent } from '@agentwire/core';
import { delay } from '@agentwire/core/internal';
import { serveSessions, type AgentRequest, type AgentSession } from '@agentwire/core/session';
import { AGENT_HELLO, announce, readProgramArguments } from './program.ts';

// An agent that ends its own session in the way that a request asks for.

const { transport, address, ...given } = readProgramArguments();
const sessions = new Map<string, AgentSession>();

const ENDS: Readonly<Record<string, (session: AgentSession) => unknown>> = {
  destroy: (session) => session.connection.abort(),
  close: (session) => session.close(),
  drain: (session) => session.drain({ timeoutMs: 5_000 }),
};

function onEvent(event: ProxyEvent, request: AgentRequest): Decision | Promise<Decision> {
  if (event.type !== 'requestHeaders') return ALLOW;
  const query = new URLSearchParams(event.uri.split('?')[1]);
  const how = query.get('how');
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
  { self: AGENT_HELLO, ...given },
);
announce(listener.address);
