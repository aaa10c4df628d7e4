import { AgentwireError } from '@agentwire/core';
import type { StreamConfig, StreamState } from '@nats-io/jetstream';
import type { DurableStreamOptions } from './backend-options.ts';
import { STREAM_SETTINGS, type StreamKind, type WantedStream } from './stream-settings.ts';

/** Option that differs from what a stream has. */
export interface Difference {
  readonly option: keyof DurableStreamOptions;
  readonly setting: keyof StreamConfig;
}

/** Compares a stream with the options that were given; those that were not given stay as they are. */
export function differences(
  given: DurableStreamOptions,
  found: StreamConfig,
  wanted: WantedStream,
  kind: StreamKind,
): Difference[] {
  return STREAM_SETTINGS.filter(
    ([option, setting, of]) =>
      (of === kind || of === 'all') && given[option] !== undefined && found[setting] !== wanted[setting],
  ).map(([option, setting]) => ({ option, setting }));
}

/** Settings of the differing options, as they are wanted. */
export function settingsOf(differing: readonly Difference[], wanted: WantedStream): Partial<StreamConfig> {
  return Object.fromEntries(differing.map(({ setting }) => [setting, wanted[setting]]));
}

/** Limits that become lower, with what is wanted. */
export function loweredLimits(
  differing: readonly Difference[],
  found: StreamConfig,
  wanted: WantedStream,
): ReadonlyMap<keyof StreamConfig, number> {
  const isLowered = ({ setting }: Difference): boolean => {
    const [before, limit] = [Number(found[setting]), Number(wanted[setting])];
    return limit > 0 && (before <= 0 || before > limit);
  };
  return new Map(differing.filter(isLowered).map(({ setting }) => [setting, Number(wanted[setting])] as const));
}

/** Tells what waits in a stream over its lowered limits; undefined when everything has room. */
export function overLimits(lowered: ReadonlyMap<keyof StreamConfig, number>, state: StreamState): string | undefined {
  const most = Object.values(state.subjects ?? {}).reduce((one, other) => Math.max(one, other), 0);
  const over = (setting: keyof StreamConfig, there: number): boolean => there > (lowered.get(setting) ?? Infinity);
  if (over('max_msgs_per_subject', most)) return `${most} messages of one sender wait`;
  if (over('max_msgs', state.messages) || over('max_bytes', state.bytes))
    return `${state.messages} messages of ${state.bytes} bytes wait`;
  return undefined;
}

/** Error of a stream that cannot be brought to its options: `ERR_INVALID_ARGUMENT`, which names them. */
export function cannotChange(
  differing: readonly Difference[],
  found: StreamConfig | undefined,
  wanted: WantedStream,
  cause?: unknown,
): AgentwireError {
  const list = differing.map(
    ({ option, setting }) =>
      `durable.${option} (${JSON.stringify(found?.[setting])} on the server, ${JSON.stringify(wanted[setting])} asked for)`,
  );
  const why = typeof cause === 'string' ? `: ${cause}` : '';
  return new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `stream ${wanted.name} cannot be changed in ${list.length === 0 ? 'its subjects' : list.join(', ')}${why}`,
    { cause },
  );
}
