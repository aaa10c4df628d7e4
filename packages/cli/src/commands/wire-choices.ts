import { UsageError } from '../usage-error.ts';

/** Encodings that can be asked for. */
export type Encoding = 'json' | 'msgpack';
/** Dialects that can be asked for. */
export type Dialect = 'documented' | 'zentinel';

/** Checks a flag that takes one of a few words. @throws UsageError */
export function checkChoice<T extends string>(
  flag: string,
  value: string | undefined,
  choices: readonly T[],
  example: string,
): T | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new UsageError(`${flag} is one of ${choices.join(', ')}, got ${JSON.stringify(value)}`, example);
}

/** gRPC has one wire format, so a dialect asked for there is wrong use. @throws UsageError */
export function refuseDialectOverGrpc(scheme: string, dialect: Dialect | undefined, example: string): void {
  if (dialect === undefined || !scheme.startsWith('grpc')) return;
  throw new UsageError('--dialect is for byte streams (unix:, tcp:, tls:); gRPC has one wire format', example);
}
