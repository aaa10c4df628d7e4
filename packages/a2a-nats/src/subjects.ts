import { AgentwireError } from '@agentwire/core';
import type { Target } from '@agentwire/a2a-router';
import { type ControlWord, HELLO } from './subject-parts.ts';
import { encodeToken, encodeTopic, isPlain } from './subject-token.ts';
import { bounded, innerTokens, nodeToken, serviceTokens } from './subject-words.ts';

const MAX_PREFIX = 32;
const HIGH = '.high';
const REPLY_TOKEN = /^[0-9a-f]{32}$/;

/**
 * The subjects of one node: `<prefix>.<source>.<way>.…`.
 *
 * Ways: `agent.<node>.<pid>`, `node.<node>.<kernel | broadcast | topic.<words> | service.<name>.<method> | hello | cancel | check | credit | unschedule | watch | unwatch | exited>`,
 * `topic.<words>`, `service.<name>.<method>`, `inbox.<node>.<name>` (and `.high`), `later.<node>.<name>`, `reply.<node>.<random>`, `presence` and `dead.<name>.<node>`.
 * Each is 2048 bytes at most, because a server ends the connection of a client that sends a longer line.
 */
export class Subjects {
  readonly #prefix: string;
  readonly #own: string;
  readonly #node: string;
  /** Process that was written to last; most messages go where the one before went. */
  #lastAgent = { nodeId: '', pid: -1, subject: '' };

  constructor(prefix: string, nodeId: string) {
    if (!isPlain(prefix) || prefix.length > MAX_PREFIX) {
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'prefix must be 1 to 32 letters, digits, _ and -');
    }
    if (nodeId === '' || nodeId.length > 128) {
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'nodeId must have 1 to 128 characters');
    }
    this.#prefix = prefix;
    this.#node = nodeToken(nodeId);
    this.#own = `${prefix}.${this.#node}`;
  }

  /** To one process of a node. */
  agent(nodeId: string, pid: number): string {
    const last = this.#lastAgent;
    if (last.nodeId === nodeId && last.pid === pid) return last.subject;
    const subject = `${this.#own}.agent.${nodeToken(nodeId)}.${pid}`;
    this.#lastAgent = { nodeId, pid, subject };
    return subject;
  }

  /** To a node, for everything but a process; throws `ERR_INVALID_ARGUMENT` for a target that does not leave its node. */
  node(nodeId: string, to: Target): string {
    return bounded(`${this.#own}.node.${nodeToken(nodeId)}.${innerTokens(to)}`);
  }

  /** To other processes that run under this node's name. */
  hello(): string {
    return `${this.#own}.node.${this.#node}.${HELLO}`;
  }

  /** To a node, about requests and not a message. */
  control(nodeId: string, word: ControlWord): string {
    return `${this.#own}.node.${nodeToken(nodeId)}.${word}`;
  }

  /** To everybody, about this node. */
  presence(): string {
    return `${this.#own}.presence`;
  }

  /** Announcements of every node. */
  anyPresence(): string {
    return `${this.#prefix}.*.presence`;
  }

  /** To a topic. */
  topic(topic: string): string {
    return bounded(`${this.#own}.topic.${encodeTopic(topic)}`);
  }

  /** To the owners of a service, of whom one gets it. */
  service(service: string, method?: string): string {
    return bounded(`${this.#own}.service.${serviceTokens(service, method)}`);
  }

  /** To a durable inbox; messages of high priority have a subject of their own, so that the server can deliver them first. */
  inbox(nodeId: string, name: string, isHigh = false): string {
    return bounded(`${this.#own}.inbox.${nodeToken(nodeId)}.${encodeToken(name)}${isHigh ? HIGH : ''}`);
  }

  /** To a durable inbox when its time has come. */
  later(nodeId: string, name: string): string {
    return bounded(`${this.#own}.later.${nodeToken(nodeId)}.${encodeToken(name)}`);
  }

  /** Delayed messages of another node to a durable inbox of this one. */
  laterOf(source: string, name: string): string {
    return bounded(`${this.#prefix}.${nodeToken(source)}.later.${this.#node}.${encodeToken(name)}`);
  }

  /** Everybody's delayed messages to a durable inbox of this node. */
  anyLater(name: string): string {
    return bounded(`${this.#prefix}.*.later.${this.#node}.${encodeToken(name)}`);
  }

  /** Messages of another node to a durable inbox of this one. */
  inboxOf(source: string, name: string): string {
    return bounded(`${this.#prefix}.${nodeToken(source)}.inbox.${this.#node}.${encodeToken(name)}`);
  }

  /** Subject of the answer to one request of this node; the token is random and known to the responder alone. */
  replyHere(token: string): string {
    return `${this.#own}.reply.${this.#node}.${token}`;
  }

  /** Subject on which another node takes notes under a word that it announces. */
  noteTo(nodeId: string, word: string): string {
    return `${this.#own}.reply.${nodeToken(nodeId)}.${word}`;
  }

  /** Subject of an answer that `asker` takes at `replyTo`; undefined unless that is a subject which {@link Subjects.replyHere} of its node makes. */
  answerTo(asker: string, replyTo: string | undefined): string | undefined {
    if (replyTo === undefined || replyTo === '') return undefined;
    const node = nodeToken(asker);
    const begin = `${this.#prefix}.${node}.reply.${node}.`;
    const token = replyTo.slice(begin.length);
    if (!replyTo.startsWith(begin) || !REPLY_TOKEN.test(token)) return undefined;
    return `${this.#own}.reply.${node}.${token}`;
  }

  /** A dead letter of a durable inbox of this node, by the node that sent it; without one, what cannot be read. */
  dead(name: string, source: string): string {
    return bounded(`${this.#own}.dead.${encodeToken(name)}.${source === '' ? '=' : nodeToken(source)}`);
  }

  /** The dead letters of one durable inbox of this node. */
  deadOf(name: string): string {
    return bounded(`${this.#own}.dead.${encodeToken(name)}.*`);
  }

  /** Subjects that this node listens to from the start: of its agents, of itself, and of answers. */
  listening(): { readonly agents: string; readonly node: string; readonly replies: string } {
    return {
      agents: `${this.#prefix}.*.agent.${this.#node}.*`,
      node: `${this.#prefix}.*.node.${this.#node}.>`,
      replies: `${this.#prefix}.*.reply.${this.#node}.*`,
    };
  }

  /** Everybody's messages on a topic or pattern. */
  anyTopic(pattern: string): string {
    return bounded(`${this.#prefix}.*.topic.${encodeTopic(pattern)}`);
  }

  /** Everybody's messages to a service, whatever the method or for one of them. */
  anyService(service: string, method?: string): string {
    const word = method === undefined ? '*' : encodeToken(method);
    return bounded(`${this.#prefix}.*.service.${encodeToken(service)}.${word}`);
  }

  /** Everybody's messages to a durable inbox of this node. */
  anyInbox(name: string, isHigh = false): string {
    return bounded(`${this.#prefix}.*.inbox.${this.#node}.${encodeToken(name)}${isHigh ? HIGH : ''}`);
  }

  /** Everybody's messages to every durable inbox of this node. */
  everyInbox(): string {
    return `${this.#prefix}.*.inbox.${this.#node}.*`;
  }

  /** The dead letters of this node. */
  anyDead(): string {
    return `${this.#own}.dead.*.*`;
  }
}
