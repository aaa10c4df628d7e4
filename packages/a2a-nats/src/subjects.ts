import { AgentwireError } from '@agentwire/core';
import { checkPattern } from '@agentwire/a2a-router';

const PLAIN = /^[A-Za-z0-9_-]+$/;

/** Writes a name as one subject token: letters, digits, `_` and `-` stay, every other byte of its UTF-8 becomes `=XX`. */
export function encodeToken(name: string): string {
  if (PLAIN.test(name)) return name;
  if (name === '') return '=';
  let token = '';
  for (const byte of Buffer.from(name)) {
    const char = String.fromCharCode(byte);
    token += PLAIN.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return token;
}

/** Reads what {@link encodeToken} writes; throws `ERR_PROTOCOL` for anything else. */
export function decodeToken(token: string): string {
  if (PLAIN.test(token)) return token;
  if (token === '=') return '';
  const bytes: number[] = [];
  for (const [part] of token.matchAll(/=[0-9A-F]{2}|[A-Za-z0-9_-]|./gsu)) {
    if (part.length === 3) bytes.push(Number.parseInt(part.slice(1), 16));
    else if (PLAIN.test(part)) bytes.push(part.charCodeAt(0));
    else throw new AgentwireError('ERR_PROTOCOL', 'a subject token cannot be read');
  }
  return Buffer.from(bytes).toString();
}

/** Writes a topic or pattern as subject tokens; `*` and `>` stay what they are. */
export function encodeTopic(pattern: string): string {
  return checkPattern(pattern)
    .split('.')
    .map((word) => (word === '*' || word === '>' ? word : encodeToken(word)))
    .join('.');
}

/** What a subject says of a message: who sent it, on which way, and where it goes. */
export interface SubjectParts {
  /** Node that sent it; true because the server lets each user publish under its own name only. */
  readonly source: string;
  /** The way: one agent, a node, a topic, a service, a durable inbox, an answer, a dead letter. */
  readonly way: string;
  /** The words that follow, decoded. */
  readonly rest: readonly string[];
}

/**
 * The subjects of one node: `<prefix>.<source>.<way>.…`.
 *
 * Ways: `agent.<node>.<pid>`, `node.<node>`, `topic.<words>`, `service.<name>`, `inbox.<node>.<name>`,
 * `reply.<node>.<message id>` and `dead.<name>`.
 */
export class Subjects {
  readonly #prefix: string;
  readonly #own: string;
  readonly #node: string;

  constructor(prefix: string, nodeId: string) {
    if (!PLAIN.test(prefix)) {
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'prefix must be letters, digits, _ and -');
    }
    if (nodeId === '' || nodeId.length > 128) {
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'nodeId must have 1 to 128 characters');
    }
    this.#prefix = prefix;
    this.#node = encodeToken(nodeId);
    this.#own = `${prefix}.${this.#node}`;
  }

  /** To one process of a node. */
  agent(nodeId: string, pid: number): string {
    return `${this.#own}.agent.${encodeToken(nodeId)}.${pid}`;
  }

  /** To a node, for everything but a process. */
  node(nodeId: string): string {
    return `${this.#own}.node.${encodeToken(nodeId)}`;
  }

  /** To a topic. */
  topic(topic: string): string {
    return `${this.#own}.topic.${encodeTopic(topic)}`;
  }

  /** To the owners of a service, of whom one gets it. */
  service(service: string): string {
    return `${this.#own}.service.${encodeToken(service)}`;
  }

  /** To a durable inbox. */
  inbox(nodeId: string, name: string): string {
    return `${this.#own}.inbox.${encodeToken(nodeId)}.${encodeToken(name)}`;
  }

  /** An answer to a request of a node. */
  reply(nodeId: string, messageId: string): string {
    return `${this.#own}.reply.${encodeToken(nodeId)}.${encodeToken(messageId)}`;
  }

  /** A dead letter of a durable inbox of this node. */
  dead(name: string): string {
    return `${this.#own}.dead.${encodeToken(name)}`;
  }

  /** What this node listens to from the start: its agents, itself, and answers. */
  listening(): { readonly agents: string; readonly node: string; readonly replies: string } {
    return {
      agents: `${this.#prefix}.*.agent.${this.#node}.*`,
      node: `${this.#prefix}.*.node.${this.#node}`,
      replies: `${this.#prefix}.*.reply.${this.#node}.*`,
    };
  }

  /** Everybody's messages on a topic or pattern. */
  anyTopic(pattern: string): string {
    return `${this.#prefix}.*.topic.${encodeTopic(pattern)}`;
  }

  /** Everybody's messages to a service. */
  anyService(service: string): string {
    return `${this.#prefix}.*.service.${encodeToken(service)}`;
  }

  /** Everybody's messages to a durable inbox of this node. */
  anyInbox(name: string): string {
    return `${this.#prefix}.*.inbox.${this.#node}.${encodeToken(name)}`;
  }

  /** Takes a subject apart; throws `ERR_PROTOCOL` for one that is not ours. */
  static parse(subject: string): SubjectParts {
    const [, source, way, ...rest] = subject.split('.');
    if (source === undefined || way === undefined)
      throw new AgentwireError('ERR_PROTOCOL', 'a subject is not one of the router');
    return { source: decodeToken(source), way, rest: rest.map(decodeToken) };
  }
}
