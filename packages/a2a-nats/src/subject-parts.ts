import { AgentwireError } from '@agentwire/core';
import { type Target, target } from '@agentwire/a2a-router';
import { decodeToken, decodeTopic } from './subject-token.ts';

/** Parts of a subject. */
export interface SubjectParts {
  /** Node that sent it; true because the server lets each user publish under its own name only. */
  readonly source: string;
  /** The way: one agent, a node, a topic, a service, a durable inbox, an answer, a dead letter. */
  readonly way: 'agent' | 'node' | 'topic' | 'service' | 'inbox' | 'reply' | 'dead' | 'later' | 'presence';
  /** Node that it is for; undefined for topics, services and dead letters. */
  readonly node: string | undefined;
  /** Target that it has on the receiving node; undefined for answers, dead letters and what nodes tell each other. */
  readonly target: Target | undefined;
  /** The words after the way, decoded. */
  readonly rest: readonly string[];
}

/** The word of a node's greeting to others of its name. */
export const HELLO = 'hello';
/** Notes between nodes that are no messages, each the last word of a subject of the way `node`. */
export type ControlWord = 'hello' | 'cancel' | 'check' | 'credit' | 'unschedule' | 'watch' | 'unwatch' | 'exited';

const CONTROL_WORDS = new Set<string | undefined>([
  'hello',
  'cancel',
  'check',
  'credit',
  'unschedule',
  'watch',
  'unwatch',
  'exited',
] satisfies ControlWord[]);

const MAX_KNOWN = 1024;
const known = new Map<string, SubjectParts>();
let lastReply = { start: '', source: '', node: '' };

/** Takes a subject apart; throws `ERR_PROTOCOL` for one that is not ours, or not in its one spelling. Subjects come again and again, apart from those of answers. */
export function parseSubject(subject: string): SubjectParts {
  const before = known.get(subject);
  if (before !== undefined) return before;
  // answers differ in their last word, so what is before it is known; most come from where the one before came from.
  const end = subject.lastIndexOf('.');
  if (end === lastReply.start.length && subject.startsWith(lastReply.start))
    return answerParts(lastReply.source, lastReply.node, subject.slice(end + 1));
  const parts = parse(subject);
  if (parts.way === 'reply') {
    lastReply = { start: subject.slice(0, end), source: parts.source, node: parts.node ?? '' };
    return parts;
  }
  if (known.size >= MAX_KNOWN) known.clear();
  // messages share it, so no recipient may change it.
  if (parts.target !== undefined) Object.freeze(parts.target);
  known.set(subject, parts);
  return parts;
}

function answerParts(source: string, node: string, token: string): SubjectParts {
  return { source, way: 'reply', node, target: undefined, rest: [node, decodeToken(token)] };
}

function parse(subject: string): SubjectParts {
  const [, from, way, ...tokens] = subject.split('.');
  if (from === undefined) throw notOurs();
  const source = decodeToken(from);
  const rest = tokens.map(decodeToken);
  const [first, second] = rest;
  switch (way) {
    case 'agent':
      expect(rest, 2);
      return { source, way, rest, node: first, target: target.process(readPid(tokens[1])) };
    case 'node':
      return { source, way, rest, node: first, target: readInner(tokens.slice(1)) };
    case 'topic':
      return { source, way, rest, node: undefined, target: target.topic(decodeTopic(tokens)) };
    case 'service':
      return { source, way, rest, node: undefined, target: readService(tokens) };
    case 'inbox':
      // messages of high priority have one word more
      if (tokens[2] !== 'high') expect(rest, 2);
      else expect(rest, 3);
      return { source, way, rest, node: first, target: target.service(second ?? '') };
    case 'later':
      expect(rest, 2);
      return { source, way, rest, node: first, target: target.service(second ?? '') };
    case 'reply':
      expect(rest, 2);
      return { source, way, rest, node: first, target: undefined };
    case 'presence':
      expect(rest, 0);
      return { source, way, rest, node: undefined, target: undefined };
    case 'dead':
      expect(rest, 2);
      return { source, way, rest, node: undefined, target: undefined };
    default:
      throw notOurs();
  }
}

function readInner([kind, ...tokens]: readonly string[]): Target | undefined {
  if (kind === 'topic') return target.topic(decodeTopic(tokens));
  if (kind === 'service') return readService(tokens);
  expect(tokens, 0);
  if (kind === 'kernel') return target.kernel;
  if (kind === 'broadcast') return target.broadcast;
  if (CONTROL_WORDS.has(kind)) return undefined;
  throw notOurs();
}

/** `<service>.<method>`; the empty method stands for none. */
function readService(tokens: readonly string[]): Target {
  expect(tokens, 2);
  const [service = '', method = ''] = tokens.map(decodeToken);
  return method === '' ? target.service(service) : target.serviceMethod(service, method);
}

function readPid(token: string | undefined): number {
  const pid = Number(token);
  if (!Number.isSafeInteger(pid) || pid < 0 || String(pid) !== token) throw notOurs();
  return pid;
}

function expect(words: readonly string[], count: number): void {
  if (words.length !== count) throw notOurs();
}

function notOurs(): AgentwireError {
  return new AgentwireError('ERR_PROTOCOL', 'a subject is not one of the router');
}
