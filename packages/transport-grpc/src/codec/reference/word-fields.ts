import type { CancelReason, HealthState, LogMessage, WebSocketOpcode } from '@agentwire/core';

/** Words of a field that the wire carries as a number: the word's number is its place in the list. */
export class WordField<W extends string> {
  readonly #words: readonly (W | undefined)[];

  /** @param words from number 0 on; `undefined` where a number means nothing */
  constructor(words: readonly (W | undefined)[]) {
    this.#words = words;
  }

  /** The number of `word`; 0 for none and for an unknown one. */
  numberOf(word: string | undefined): number {
    return word === undefined ? 0 : Math.max(0, this.#words.indexOf(word as W));
  }

  /** The word of `number`, if it has one. */
  wordOf(number: number): W | undefined {
    return this.#words[number];
  }
}

/** CancelRequest.reason */
export const CANCEL_REASONS: WordField<CancelReason> = new WordField<CancelReason>([
  undefined,
  'client_disconnect',
  'timeout',
  'blocked_by_agent',
  'upstream_error',
  'proxy_shutdown',
  'manual',
]);
/** DrainRequest.reason */
export const DRAIN_REASONS: WordField<string> = new WordField<string>([
  undefined,
  'config_reload',
  'maintenance',
  'health_check_failed',
  'manual',
]);
/** ShutdownRequest.reason */
export const SHUTDOWN_REASONS: WordField<string> = new WordField<string>([
  undefined,
  'graceful',
  'immediate',
  'config_reload',
  'upgrade',
]);
/** WebSocketFrameEvent.frame_type */
export const FRAME_TYPES: WordField<WebSocketOpcode> = new WordField<WebSocketOpcode>([
  'continuation',
  'text',
  'binary',
  'ping',
  'pong',
  'close',
]);
/** HealthStatus.state */
export const HEALTH_STATES: WordField<HealthState> = new WordField<HealthState>([
  undefined,
  'healthy',
  'degraded',
  'draining',
  'unhealthy',
]);
/** LogMessage.level */
export const LOG_LEVELS: WordField<LogMessage['level']> = new WordField<LogMessage['level']>([
  undefined,
  'debug',
  'info',
  'warn',
  'error',
]);
/** FlowControlSignal.action */
export const FLOW_ACTIONS: WordField<'pause' | 'resume' | 'updateCapacity'> = new WordField<
  'pause' | 'resume' | 'updateCapacity'
>([undefined, 'pause', 'resume', 'updateCapacity']);
/** GuardrailInspectEvent.content_type, for peers that do not know inspection_type */
export const INSPECTION_TYPES: WordField<'prompt_injection' | 'pii_detection'> = new WordField<
  'prompt_injection' | 'pii_detection'
>([undefined, 'prompt_injection', 'pii_detection']);
