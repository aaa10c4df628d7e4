import type { AgentwireError } from '../errors.ts';
import type { Decision } from '../message/decision.ts';
import type { Exchange } from './exchange.ts';
import type { Outbox } from './outbox.ts';

/** An exchange as its session knows it. */
export interface HostedExchange extends Exchange {
  /** Position in the session's table. */
  readonly slot: number;
  /** Sends what waits for its turn, as far as peer and buffer allow. */
  pump(): void;
}

/** What an exchange needs of its session. */
export interface ExchangeHost {
  readonly outbox: Outbox;
  /** Whether the peer takes one event of a request at a time. */
  readonly serial: boolean;
  readonly closedError: AgentwireError | undefined;
  readonly requestTimeoutMs: number;
  /** Number of the event loop's turn, as far as {@link noteTurn} asked for it. */
  readonly turn: number;
  now(): number;
  /** Sees to it that {@link turn} is another one in the next turn. @returns the turn */
  noteTurn(): number;
  /** Asks for {@link HostedExchange.pump} in the next turn. */
  pumpNextTurn(exchange: HostedExchange): void;
  pendingChanged(by: 1 | -1): void;
  /** A question has its one outcome. */
  settled(exchange: Exchange, startedAt: number, outcome: Decision | AgentwireError): void;
  release(exchange: HostedExchange): void;
}
