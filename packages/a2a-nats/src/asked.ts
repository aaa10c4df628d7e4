import type { AgentwireError } from '@agentwire/core';
import { AnswerParts } from './answer-parts.ts';
import type { KernelMessage, Pid, Target } from '@agentwire/a2a-router';
import { createMessageId } from '@agentwire/a2a-router/internal';

/** One request of this node to other nodes. */
export interface Asked {
  /** Id of the request. */
  readonly id: string;
  /** Its place among the requests of this node, counted from 1. */
  readonly number: number;
  /** Word of the subject that its answer comes on. */
  readonly token: string;
  /** Process that asks. */
  readonly from: Pid;
  /** Node that alone may answer; undefined for topics and services. */
  readonly node: string | undefined;
  /** Process there that alone may answer; undefined when the target names none. */
  readonly pid: Pid | undefined;
  /** Service whose owners may answer, on any node; undefined for other targets. */
  readonly service: string | undefined;
  /** True when several nodes may answer, so that the failure of one does not end it. */
  readonly topic: boolean;
  /** Subject that the request left on. */
  readonly subject: string;
  /** Called with undefined once a process has it, or with an error, when only that is asked. */
  readonly confirm: ((error: AgentwireError | undefined) => void) | undefined;
  /** Nodes that have answered: each does so once. */
  readonly answered: Set<string>;
  /** Nodes that reported that they work on it; they are told when it is given up. */
  readonly holders: Set<string>;
  /** Nodes that say they do not have it; undefined until they are asked, which is after a loss. */
  absent: Set<string> | undefined;
  /** True once a node is gone that may have taken it, so that no node can tell what became of it. */
  unsure: boolean;
  /** True when it waits in a durable inbox, also while its node is gone. */
  readonly durable: boolean;
  /** Parts of the answer so far, when it is a stream. */
  readonly parts: AnswerParts | undefined;
}

/** Options of one request. */
export interface AskedHow {
  readonly confirm?: Asked['confirm'];
  readonly durable?: boolean;
  /** Parts that its asker has room for. */
  readonly window?: number | undefined;
}

/** Requests of this node that wait, each under a random token that only the responder learns. */
export class AskedRequests {
  readonly #byToken = new Map<string, Asked>();
  readonly #tokens = new Map<string, string>();
  #made = 0;

  /** Requests that wait. */
  get size(): number {
    return this.#byToken.size;
  }

  /** Requests so far. */
  get made(): number {
    return this.#made;
  }

  /** Notes a request and gives the token of its answer. */
  add(message: KernelMessage, to: Target, subject: string, how: AskedHow = {}): string {
    const token = createMessageId();
    const inner = to.kind === 'remoteNode' ? to.target : to;
    this.#made += 1;
    this.#byToken.set(token, {
      id: message.id,
      number: this.#made,
      token,
      from: message.from,
      node: to.kind === 'remoteNode' ? to.nodeId : undefined,
      pid: inner.kind === 'process' ? inner.pid : inner.kind === 'kernel' ? 0 : undefined,
      service: to.kind === 'service' || to.kind === 'serviceMethod' ? to.service : undefined,
      topic: inner.kind === 'topic' || inner.kind === 'broadcast',
      subject,
      confirm: how.confirm,
      answered: new Set(),
      holders: new Set(),
      absent: undefined,
      unsure: false,
      durable: how.durable === true,
      parts: how.window === undefined ? undefined : new AnswerParts(how.window),
    });
    this.#tokens.set(message.id, token);
    return token;
  }

  /** The request that an answer on a token is for; undefined when none waits. */
  find(token: string): Asked | undefined {
    return this.#byToken.get(token);
  }

  /** The request of that id. */
  get(id: string): Asked | undefined {
    const token = this.#tokens.get(id);
    return token === undefined ? undefined : this.#byToken.get(token);
  }

  /** Forgets a request, and gives it back. */
  delete(id: string): Asked | undefined {
    const token = this.#tokens.get(id);
    if (token === undefined) return undefined;
    const asked = this.#byToken.get(token);
    this.#tokens.delete(id);
    this.#byToken.delete(token);
    return asked;
  }

  /** All requests, or those that left on one subject. */
  list(subject?: string): Asked[] {
    const all = [...this.#byToken.values()];
    return subject === undefined ? all : all.filter((asked) => asked.subject === subject);
  }
}
