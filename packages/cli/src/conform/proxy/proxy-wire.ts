import type { RawMessage } from '../raw/inbox.ts';
import type { Form } from '../wire/wire.ts';

/** What a proxy said, as far as checks look at it. */
export interface ProxyEvent {
  readonly kind:
    'head' | 'requestChunk' | 'responseHeaders' | 'responseChunk' | 'cancel' | 'pong' | 'other' | 'foreign';
  readonly type: number;
  readonly id: string;
  /** Of a head. */
  readonly uri: string;
  /** Of a body chunk. */
  readonly index: number;
  readonly last: boolean;
  readonly bytes: Buffer;
  /** What a pong repeats. */
  readonly echo: string;
  /** What is not as the protocol says. */
  readonly problems: readonly string[];
}

/** What is answered to an event. */
export interface Verdict {
  /** Status of a block; absent for an allow. */
  readonly block?: number;
  readonly more?: boolean;
}

/** How one form of the protocol reads what a proxy says and writes what an agent says. */
export interface ProxyWire {
  readonly form: Form;
  /** What is wrong with a handshake. */
  helloProblems(message: RawMessage): readonly string[];
  accept(): RawMessage;
  refuse(reason: string): RawMessage;
  /** An answer in a version that nobody speaks. */
  otherVersion(): RawMessage;
  read(message: RawMessage): ProxyEvent;
  answer(id: string, verdict: Verdict): RawMessage;
  /** Absent where agents do not ping. */
  ping?(sequence: number): RawMessage;
  /** An answer whose content makes no sense. */
  brokenAnswer(id: string): RawMessage;
  unknown(): RawMessage;
  /** A message that only proxies send, with this id and what would be an allow in an answer. */
  wrongDirection(id: string): RawMessage;
}
