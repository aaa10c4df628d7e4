import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface Flags {
  /** One JSON document on stdout instead of tables. */
  readonly json: boolean;
  /** Shorter measurements, at 64 in flight only. */
  readonly quick: boolean;
  readonly speed: boolean;
  /** The programs on grpc-js, grpcio and grpc-go. */
  readonly peers: boolean;
}

export const USAGE = `usage: pnpm interop [--json] [--quick] [--no-speed] [--no-peers]

Plays every message and decision between agentwire and what others run, and compares with the table of the reference agent.
  --quick     shorter measurements, at 64 in flight only
  --no-speed  no measurements
  --no-peers  without the programs on grpc-js, grpcio and grpc-go
  --json      one JSON document on stdout`;

/** Reads the flags; `undefined` for wrong use or a cry for help. */
export function parseFlags(args: readonly string[]): Flags | undefined {
  const flag = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({
      args: args.filter((arg) => arg !== '--'),
      options: { json: flag, quick: flag, 'no-speed': flag, 'no-peers': flag, help: flag },
    });
    if (values.help) return undefined;
    return { json: values.json, quick: values.quick, speed: !values['no-speed'], peers: !values['no-peers'] };
  } catch {
    return undefined;
  }
}
