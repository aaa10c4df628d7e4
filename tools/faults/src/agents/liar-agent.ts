import type { Connection, ConnectionHandler, Decision, Received, RequestId } from '@agentwire/core';
import { AGENT_HELLO, announce, readProgramArguments } from './program.ts';
import { seededNumbers } from './random.ts';

// An agent that answers every request once with its own number, and between those answers sends unsolicited ones
// for: duplicates, replays of long ended requests, ids that were never made. They come in any order.

interface Answer {
  readonly id: RequestId;
  readonly decision: Decision;
}

const { transport, address } = readProgramArguments();
const SLOTS = 65_536;
const KEPT = 256;

const decisionFor = (tag: string): Decision => ({ verdict: { type: 'allow' }, audit: { tags: [tag] } });

/** An id like `id` that the proxy did not make. */
function strangeId(id: RequestId, next: (below: number) => number): RequestId {
  const by = SLOTS * (1_000_000 + next(1000));
  if (typeof id === 'number') return next(2) === 0 ? id + by : Number.MAX_SAFE_INTEGER - next(9);
  const text = String(id);
  const cut = text.lastIndexOf('-') + 1;
  return next(2) === 0 ? text.slice(0, cut) + (Number(text.slice(cut)) + by) : `x${text}`;
}

function lieOn(connection: Connection): ConnectionHandler {
  let next = seededNumbers(1);
  let batch: Answer[] = [];
  let size = 8;
  let extras = 0;
  const old: Answer[] = [];

  const flush = (): void => {
    const out = [...batch];
    for (const answer of batch) {
      if (next(3) === 0) out.push(answer);
      if (next(3) === 0) out.push({ id: strangeId(answer.id, next), decision: decisionFor('n:unknown') });
      const replayed = old[next(KEPT)];
      if (replayed !== undefined && next(2) === 0) out.push(replayed);
    }
    for (let at = out.length - 1; at > 0; at--) {
      const other = next(at + 1);
      const [one, two] = [out[at], out[other]];
      if (one !== undefined && two !== undefined) [out[at], out[other]] = [two, one];
    }
    extras += out.length - batch.length;
    for (const answer of batch) old[next(KEPT)] = answer;
    batch = [];
    for (const answer of out) connection.send({ type: 'answer', ...answer });
  };

  return {
    onMessage(message: Received) {
      if (message.type === 'ping') {
        connection.send({ type: 'pong', sequence: message.sequence, timestampMs: message.timestampMs });
        return;
      }
      if (message.type !== 'requestHeaders') return;
      const query = new URLSearchParams(message.uri.split('?')[1]);
      if (message.uri.startsWith('/seed')) {
        next = seededNumbers(Number(query.get('seed')));
        size = Number(query.get('size'));
        connection.send({ type: 'answer', id: message.id, decision: decisionFor('n:seed') });
      } else if (message.uri.startsWith('/extras')) {
        connection.send({ type: 'answer', id: message.id, decision: decisionFor(String(extras)) });
      } else {
        batch.push({ id: message.id, decision: decisionFor(`n:${query.get('n')}`) });
        if (batch.length === size) flush();
      }
    },
    onClose: () => undefined,
  };
}

const listener = await transport.listen(address, { self: AGENT_HELLO, onConnection: lieOn });
announce(listener.address);
