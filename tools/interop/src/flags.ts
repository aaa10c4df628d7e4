import { parseArgs } from 'node:util';

/** Command line of the program. */
export interface Flags {
  /** One JSON document on stdout instead of tables. */
  readonly json: boolean;
  /** Shorter measurements, at 64 in flight only. */
  readonly quick: boolean;
  readonly speed: boolean;
  /** The programs on grpc-js, grpcio and grpc-go. */
  readonly peers: boolean;
  /** Version 1, with the programs on the last released crate that has it. */
  readonly versionOne: boolean;
}

export const USAGE = `usage: pnpm interop [--json] [--quick] [--no-speed] [--no-peers] [--no-v1]

Plays every message and decision between agentwire and what others run, and compares with the table of the reference agent.
  --quick     shorter measurements, at 64 in flight only
  --no-speed  no measurements
  --no-peers  without the programs on grpc-js, grpcio and grpc-go
  --no-v1     without version 1, whose programs take some minutes to build the first time
  --json      one JSON document on stdout`;

/** Reads the flags; `undefined` for wrong use or a cry for help. */
export function parseFlags(args: readonly string[]): Flags | undefined {
  const flag = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({
      args: args.filter((arg) => arg !== '--'),
      options: { json: flag, quick: flag, 'no-speed': flag, 'no-peers': flag, 'no-v1': flag, help: flag },
    });
    if (values.help) return undefined;
    const { json, quick } = values;
    return { json, quick, speed: !values['no-speed'], peers: !values['no-peers'], versionOne: !values['no-v1'] };
  } catch {
    return undefined;
  }
}
