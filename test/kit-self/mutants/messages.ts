import type { Decision, Message, Received, RequestId, Role } from '@agentwire/core';
import { listCases } from '@agentwire/transport-compliance';
import { tampered, type Mutant } from '../mutant.ts';
import { UNDECODABLE } from '../coded-transport.ts';
import type { End } from '../tamper.ts';

const TYPES = listCases()
  .map((one) => /^message\.(\w+)$/.exec(one.id)?.[1])
  .filter(
    (name) =>
      name !== undefined &&
      /^(re(quest|sponse)|webS|guard|conf|cancel|ping|pong|drain|shut|answer|health|metrics|flow|log)/.test(name),
  );

function withoutItsLastField(message: Received): Received {
  const fields = Object.entries(message).filter(([, value]) => value !== undefined);
  return Object.fromEntries(fields.slice(0, -1)) as unknown as Received;
}

const LOSSES: readonly Mutant[] = TYPES.map((type) =>
  tampered(`${type} loses a field`, [`message.${type}`], () => ({
    deliver: (message, _end, deliver) => deliver(message.type === type ? withoutItsLastField(message) : message),
  })),
);

/** Calls back with every second message before the one that came before it. */
function swapping(): (message: Received, end: End, deliver: (message: Received) => void) => void {
  const held = new Map<End, Received>();
  return (message, end, deliver) => {
    const before = held.get(end);
    if (message.type === 'answer' && before === undefined) {
      held.set(end, message);
      return;
    }
    if (before === undefined && message.type === 'ping' && message.sequence % 2 === 0 && message.sequence < 4998) {
      held.set(end, message);
      return;
    }
    deliver(message);
    held.delete(end);
    if (before !== undefined) deliver(before);
  };
}

const opposite = (role: Role): Role => (role === 'proxy' ? 'agent' : 'proxy');

/** Bugs in messages and their order. */
export const MESSAGE_MUTANTS: readonly Mutant[] = [
  ...LOSSES,
  tampered('an id of 0 counts as none', ['message.ids'], () => ({
    deliver: (message, _end, deliver) => ('id' in message && !message.id ? undefined : deliver(message)),
  })),
  tampered('text travels as latin-1', ['message.text'], () => ({
    deliver(message, _end, deliver) {
      if (message.type !== 'answer' || message.decision.verdict.type !== 'block') return deliver(message);
      const { verdict } = message.decision;
      const body = Buffer.from(verdict.body ?? '', 'latin1').toString('latin1');
      return deliver({ ...message, decision: { ...message.decision, verdict: { ...verdict, body } } });
    },
  })),
  tampered('headers are turned round', ['message.header-order', 'message.requestHeaders'], () => ({
    deliver(message, _end, deliver) {
      if (message.type !== 'requestHeaders') return deliver(message);
      const pairs = Array.from({ length: message.headers.length / 2 }, (_, at) =>
        message.headers.slice(2 * at, 2 * at + 2),
      );
      return deliver({ ...message, headers: pairs.toReversed().flat() });
    },
  })),
  tampered('send does not copy', ['message.copies', 'message.owned'], () => {
    const sent: Record<Role, Message[]> = { proxy: [], agent: [] };
    return {
      send(message, { role }, send) {
        sent[opposite(role)].push(message);
        return send(message);
      },
      deliver: (message, { role }, deliver) => deliver(sent[role].shift() ?? message),
    };
  }),
  tampered('an event is copied long after its delivery', ['message.copied'], () => ({
    deliver: (message, _end, deliver) =>
      deliver(message, { copyTo: (target, at) => target.write('x', at), decode: () => message }),
  })),
  tampered('an event decodes to the one before it', ['message.copied'], () => {
    let before: Received | undefined;
    return {
      deliver(message, _end, deliver) {
        const other = before;
        let delivering = true;
        deliver(message, {
          copyTo: (target, at) => (delivering && at < target.length ? target.write('x', at) : 0),
          decode: () => other,
        });
        delivering = false;
        before = message;
      },
    };
  }),
  tampered('a decision is encoded once, frozen or not', ['message.reused'], () => {
    const encoded = new WeakMap<Decision, Decision>();
    return {
      send(message, _end, send) {
        if (message.type !== 'answer') return send(message);
        const decision = encoded.get(message.decision) ?? structuredClone(message.decision);
        encoded.set(message.decision, decision);
        return send({ ...message, decision });
      },
    };
  }),
  tampered('a frozen decision keeps the id of its first answer', ['message.frozen'], () => {
    const ids = new WeakMap<Decision, RequestId>();
    return {
      send(message, _end, send) {
        if (message.type !== 'answer') return send(message);
        const id = ids.get(message.decision) ?? message.id;
        ids.set(message.decision, id);
        return send({ ...message, id });
      },
    };
  }),
  tampered('delivered bytes lie in a buffer that is used again', ['message.kept'], () => {
    const shared = new Uint8Array(1024 * 1024);
    return {
      deliver(message, _end, deliver) {
        if (message.type !== 'requestBodyChunk') return deliver(message);
        shared.set(message.data);
        return deliver({ ...message, data: shared.subarray(0, message.data.length) });
      },
    };
  }),
  tampered(
    'neighbours change places',
    ['order.burst', 'order.ticks', 'order.both-ways', 'order.connections', 'session.order'],
    () => ({
      deliver: swapping(),
    }),
  ),
  tampered('small messages overtake large ones', ['order.mixed'], () => ({
    deliver: (message, _end, deliver) =>
      message.type === 'requestBodyChunk' && message.data.length > 10_000
        ? setImmediate(() => deliver(message))
        : deliver(message),
  })),
  tampered('messages are delivered inside send', ['order.async'], () => {
    const ends = new Map<Role, End>();
    return {
      onConnection(onConnection, connection, end) {
        ends.set(end.role, end);
        return onConnection(connection);
      },
      send(message, { role }, send) {
        const handler = ends.get(opposite(role))?.handler;
        if (handler === undefined) return send(message);
        handler.onMessage(message);
        return true;
      },
    };
  }),
  tampered('bytes past 500 000 are cut off', ['size.chunk', 'size.largest', 'pressure.one-message'], () => ({
    deliver: (message, _end, deliver) =>
      deliver(message.type === 'requestBodyChunk' ? { ...message, data: message.data.subarray(0, 500_000) } : message),
  })),
  tampered('every 50th message is lost', ['order.burst', 'session.request'], () => {
    let count = 0;
    return {
      deliver(message, _end, deliver) {
        count += 1;
        if (count % 50 !== 0) deliver(message);
      },
    };
  }),
  tampered('answers come in the order of the requests', ['session.independent'], () => {
    const asked: RequestId[] = [];
    const answers = new Map<RequestId, Received>();
    return {
      send(message, _end, send) {
        if (message.type === 'requestHeaders') asked.push(message.id);
        return send(message);
      },
      deliver(message, _end, deliver) {
        if (message.type !== 'answer') return deliver(message);
        answers.set(message.id, message);
        for (let [id] = asked; id !== undefined && answers.has(id); [id] = asked) {
          asked.shift();
          deliver(answers.get(id) as Received);
        }
        return undefined;
      },
    };
  }),
  tampered('a second answer waits for the next question', ['session.doubled'], () => {
    const asked = new Set<RequestId>();
    const early = new Map<RequestId, Received>();
    return {
      send(message, { handler }, send) {
        const room = send(message);
        if (message.type !== 'requestHeaders' && message.type !== 'requestBodyChunk') return room;
        const kept = early.get(message.id);
        if (kept === undefined) asked.add(message.id);
        else setImmediate(() => handler?.onMessage(kept));
        return room;
      },
      deliver(message, _end, deliver) {
        if (message.type !== 'answer' || asked.delete(message.id)) deliver(message);
        else early.set(message.id, message);
      },
    };
  }),
  tampered('a cancel ends the connection', ['session.deadline'], () => ({
    deliver: (message, { real }, deliver) => (message.type === 'cancel' ? real.abort() : deliver(message)),
  })),
  tampered('cancels are lost', ['session.cancel'], () => ({
    deliver: (message, _end, deliver) => (message.type === 'cancel' ? undefined : deliver(message)),
  })),
  tampered('drains are lost', ['session.drain'], () => ({
    deliver: (message, _end, deliver) => (message.type === 'drain' ? undefined : deliver(message)),
  })),
  tampered('an answer that cannot be decoded is dropped', ['message.malformed', 'decision.received'], () => ({
    deliver: (message, _end, deliver) =>
      message.type === 'malformed' && message.of === 'answer' ? undefined : deliver(message),
  })),
  tampered('undecodable bytes are dropped, and impossible answers are not', ['message.malformed'], () => ({
    deliver: (message, _end, deliver) =>
      message.type === 'malformed' && message.error.message === UNDECODABLE ? undefined : deliver(message),
  })),
  tampered('undecodable bytes end the connection', ['message.malformed'], () => ({
    deliver: (message, { real }, deliver) =>
      message.type === 'malformed' && message.error.message === UNDECODABLE
        ? real.abort(message.error)
        : deliver(message),
  })),
  tampered('undecodable bytes lose their id', ['message.malformed'], () => ({
    deliver: (message, _end, deliver) =>
      deliver(message.type === 'malformed' ? { ...message, id: undefined } : message),
  })),
  tampered('an answer that cannot be decoded is an allow', ['decision.received'], () => ({
    deliver: (message, _end, deliver) =>
      deliver(
        message.type === 'malformed' && message.of === 'answer' && message.id !== undefined
          ? { type: 'answer', id: message.id, decision: { verdict: { type: 'allow' } } }
          : message,
      ),
  })),
  tampered('an address that was not given is made up', ['event.sparse'], () => ({
    deliver: (message, _end, deliver) =>
      deliver(
        message.type === 'requestHeaders' ? { ...message, metadata: { ...message.metadata, clientIp: '::' } } : message,
      ),
  })),
  tampered('an impossible head is delivered as a ping', ['event.head'], () => ({
    deliver: (message, _end, deliver) =>
      deliver(
        message.type === 'malformed' && message.of === 'requestHeaders'
          ? { type: 'ping', sequence: 1, timestampMs: 1 }
          : message,
      ),
  })),
  tampered('the second value of a name in a block is lost', ['decision.one-value'], () => ({
    send(message, _end, send) {
      if (message.type !== 'answer' || message.decision.verdict.type !== 'block') return send(message);
      const verdict = { ...message.decision.verdict, headers: message.decision.verdict.headers?.slice(0, 2) };
      return send({ ...message, decision: { ...message.decision, verdict } });
    },
  })),
  tampered('a failure answer is an allow', ['decision.impossible'], () => ({
    deliver: (message, _end, deliver) =>
      deliver(
        message.type === 'answer' && message.decision.audit?.reasonCodes !== undefined
          ? { ...message, decision: { verdict: { type: 'allow' } } }
          : message,
      ),
  })),
  tampered('the answer after an undecodable one is lost', ['session.malformed'], () => {
    let answers = 0;
    return {
      deliver(message, _end, deliver) {
        if (message.type === 'answer') answers += 1;
        if (message.type !== 'answer' || answers !== 3) deliver(message);
      },
    };
  }),
];
