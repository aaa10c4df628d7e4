import type { Cancel, CancelAll, CancelReason, ConfigUpdateResponse, LogMessage } from '@agentwire/core';

import { DecodeError } from './decode-error.ts';
import { id } from './id-codec.ts';
import type { FieldCodec } from './field-codec.ts';
import { plain, type MessageMapping, type MessageOf } from './message-mapping.ts';
import { bool, text, u64, word } from './scalar-codecs.ts';
import { field, optional, struct, type Struct } from './struct.ts';
import { textMap } from './value-codecs.ts';
import { asObject, describe, own } from './wire-object.ts';

const REASONS: readonly CancelReason[] = [
  'client_disconnect',
  'timeout',
  'blocked_by_agent',
  'upstream_error',
  'proxy_shutdown',
  'manual',
];

/** A word in the documented dialect, its number from 0 in the other. An unknown word is no reason and no error. */
const cancelReason: FieldCodec<CancelReason | undefined> = {
  name: 'cancelReason',
  write: (value, format) => (format.dialect === 'documented' ? value : REASONS.indexOf(value ?? 'manual')),
  read(wire) {
    if (typeof wire === 'number' || typeof wire === 'bigint') return REASONS[Number(wire)];
    if (typeof wire === 'string') return REASONS.find((reason) => reason === wire);
    throw new DecodeError(`a reason is expected, not ${describe(wire)}`);
  },
};

/** Cancellation of one request by the proxy. */
export const cancel: MessageMapping<'cancel'> = plain(
  'cancel',
  struct<Omit<Cancel, 'type'>>('cancel', {
    id: field('request_id', id, { zentinel: 'correlation_id' }),
    reason: optional('reason', cancelReason as FieldCodec<CancelReason>, {
      absentZentinel: { written: REASONS.indexOf('manual') },
    }),
    timestampMs: optional('timestamp_ms', u64, { documented: null, absentZentinel: { written: 0 } }),
  }),
);

/** Cancellation of all requests by the proxy; documented dialect only. */
export const cancelAll: MessageMapping<'cancelAll'> = plain(
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

/** Keepalive request. */
export const ping: MessageMapping<'ping'> = plain<'ping'>('ping', beat);
/** Keepalive answer. */
export const pong: MessageMapping<'pong'> = plain<'pong'>('pong', beat);

interface Ending {
  readonly reason?: string | undefined;
  readonly durationMs?: number | undefined;
}

const ending: Struct<Ending> = struct<Ending>('ending', {
  reason: optional('reason', text),
  durationMs: optional('duration_ms', u64),
});

/** Mapping of drain and shutdown, which share one byte of the documented dialect and differ in `kind`. */
function endingMapping<T extends 'drain' | 'shutdown'>(type: T): MessageMapping<T> {
  return {
    type,
    write: (message, format) => ({ kind: type, ...ending.write(message, format) }),
    read(wire, format) {
      const kind = own(asObject(wire), 'kind');
      if (kind !== 'drain' && kind !== 'shutdown')
        throw new DecodeError('drain or shutdown is expected').within('kind');
      return { type: kind, ...ending.read(wire, format) } as MessageOf<T>;
    },
  };
}

/** Request to finish pending work and take nothing new. */
export const drain: MessageMapping<'drain'> = endingMapping('drain');
/** Announcement that the sender ends. */
export const shutdown: MessageMapping<'shutdown'> = endingMapping('shutdown');

/** The proxy's answer to a request for another configuration. */
export const configUpdateResponse: MessageMapping<'configUpdateResponse'> = plain(
  'configUpdateResponse',
  struct<Omit<ConfigUpdateResponse, 'type'>>('configUpdateResponse', {
    requestId: field('request_id', text),
    accepted: field('accepted', bool),
    error: optional('error', text),
    timestampMs: field('timestamp_ms', u64),
  }),
);

/** A log line. */
export const log: MessageMapping<'log'> = plain(
  'log',
  struct<Omit<LogMessage, 'type'>>('log', {
    level: field('level', word<LogMessage['level']>('level', ['debug', 'info', 'warn', 'error'])),
    message: field('message', text),
    id: optional('request_id', id),
    fields: field('fields', textMap, { fallback: {} }),
    timestampMs: field('timestamp_ms', u64),
  }),
);
