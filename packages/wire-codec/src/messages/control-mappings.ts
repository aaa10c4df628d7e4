import type { Cancel, CancelAll, CancelReason, ConfigUpdateResponse, LogMessage } from '@agentwire/core';

import { Fault } from './fault.ts';
import { id } from './id-kind.ts';
import { asObject, describe, own } from './kind.ts';
import type { Kind } from './kind.ts';
import { plain } from './mapping.ts';
import type { Mapping, MessageOf } from './mapping.ts';
import { bool, text, u64, word } from './scalar-kinds.ts';
import { field, optional, struct } from './struct.ts';
import type { Struct } from './struct.ts';
import { textMap } from './value-kinds.ts';

const REASONS: readonly CancelReason[] = [
  'client_disconnect',
  'timeout',
  'blocked_by_agent',
  'upstream_error',
  'proxy_shutdown',
  'manual',
];

/** A word in the documented dialect, its number from 0 in the other. A word nobody knows is no reason, not an error. */
const cancelReason: Kind<CancelReason | undefined> = {
  name: 'cancelReason',
  write: (value, form) => (form.dialect === 'documented' ? value : REASONS.indexOf(value ?? 'manual')),
  read(wire) {
    if (typeof wire === 'number' || typeof wire === 'bigint') return REASONS[Number(wire)];
    if (typeof wire === 'string') return REASONS.find((reason) => reason === wire);
    throw new Fault(`a reason is expected, not ${describe(wire)}`);
  },
};

/** The proxy gave a request up. */
export const cancel: Mapping<'cancel'> = plain(
  'cancel',
  struct<Omit<Cancel, 'type'>>('cancel', {
    id: field('request_id', id, { zentinel: 'correlation_id' }),
    reason: optional('reason', cancelReason as Kind<CancelReason>, {
      absentZentinel: { written: REASONS.indexOf('manual') },
    }),
    timestampMs: optional('timestamp_ms', u64, { documented: null, absentZentinel: { written: 0 } }),
  }),
);

/** The proxy gave everything up; documented dialect only. */
export const cancelAll: Mapping<'cancelAll'> = plain(
  'cancelAll',
  struct<Omit<CancelAll, 'type'>>('cancelAll', { reason: optional('reason', text) }),
);

interface Beat {
  readonly sequence: number;
  readonly timestampMs: number;
}

const beat: Struct<Beat> = struct<Beat>('beat', {
  sequence: field('sequence', u64),
  timestampMs: field('timestamp_ms', u64),
});

/** Are you there? */
export const ping: Mapping<'ping'> = plain<'ping'>('ping', beat);
/** I am. */
export const pong: Mapping<'pong'> = plain<'pong'>('pong', beat);

interface Ending {
  readonly reason?: string | undefined;
  readonly durationMs?: number | undefined;
}

const ending: Struct<Ending> = struct<Ending>('ending', {
  reason: optional('reason', text),
  durationMs: optional('duration_ms', u64),
});

/** Drain and shutdown share one byte of the documented dialect and are told apart by `kind`. */
function endingMapping<T extends 'drain' | 'shutdown'>(type: T): Mapping<T> {
  return {
    type,
    write: (message, form) => ({ kind: type, ...ending.write(message, form) }),
    read(wire, form) {
      const kind = own(asObject(wire), 'kind');
      if (kind !== 'drain' && kind !== 'shutdown') throw new Fault('drain or shutdown is expected').within('kind');
      return { type: kind, ...ending.read(wire, form) } as MessageOf<T>;
    },
  };
}

/** Finish what you have. */
export const drain: Mapping<'drain'> = endingMapping('drain');
/** I am about to end. */
export const shutdown: Mapping<'shutdown'> = endingMapping('shutdown');

/** The proxy's answer to a wish for another configuration. */
export const configUpdateResponse: Mapping<'configUpdateResponse'> = plain(
  'configUpdateResponse',
  struct<Omit<ConfigUpdateResponse, 'type'>>('configUpdateResponse', {
    requestId: field('request_id', text),
    accepted: field('accepted', bool),
    error: optional('error', text),
    timestampMs: field('timestamp_ms', u64),
  }),
);

/** A log line. */
export const log: Mapping<'log'> = plain(
  'log',
  struct<Omit<LogMessage, 'type'>>('log', {
    level: field('level', word<LogMessage['level']>('level', ['debug', 'info', 'warn', 'error'])),
    message: field('message', text),
    id: optional('request_id', id),
    fields: field('fields', textMap, { fallback: {} }),
    timestampMs: field('timestamp_ms', u64),
  }),
);
