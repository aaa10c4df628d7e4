import type { RawMessage } from '../raw/receive-queue.ts';
import type { ProtocolForm } from '../wire/wire.ts';

/** Fields of a proxy message that checks read. */
export interface ProxyEvent {
  readonly kind:
    'head' | 'requestChunk' | 'responseHeaders' | 'responseChunk' | 'cancel' | 'pong' | 'other' | 'unexpected';
  readonly type: number;
  readonly id: string;
  /** Of a head. */
  readonly uri: string;
  /** Of a body chunk. */
  readonly index: number;
  readonly last: boolean;
  readonly bytes: Buffer;
  /** Echo of a pong. */
  readonly echo: string;
  /** Violations of the protocol. */
  readonly problems: readonly string[];
}

/** Answer to an event. */
export interface Verdict {
  /** Status of a block; absent for an allow. */
  readonly block?: number;
  readonly more?: boolean;
}

/** Decoder of proxy messages and encoder of agent messages, for one protocol form. */
export interface ProxyWire {
  readonly form: ProtocolForm;
  /** Violations in a handshake. */
  helloProblems(message: RawMessage): readonly string[];
  accept(): RawMessage;
  refuse(reason: string): RawMessage;
  /** Answer with an unsupported version. */
  otherVersion(): RawMessage;
  read(message: RawMessage): ProxyEvent;
  answer(id: string, verdict: Verdict): RawMessage;
  /** Absent when agents do not ping in this form. */
  ping?(sequence: number): RawMessage;
  /** Answer with unreadable content. */
  brokenAnswer(id: string): RawMessage;
  unknown(): RawMessage;
  /** Message that only proxies send, with this id and the fields of an allow. */
  wrongDirection(id: string): RawMessage;
}
