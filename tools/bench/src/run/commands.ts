import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { End } from '../plan/row.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const crate = (end: Extract<End, { by: 'crate' }>, program: 'agent' | 'load'): string =>
  here(`../../../interop/rust/bin-${end.variant}/${program}`);

/** Tests whether the crate's programs of an end have been built. */
export function isBuilt(end: End): boolean {
  return end.by === 'node' || (existsSync(crate(end, 'agent')) && existsSync(crate(end, 'load')));
}

/** Command that builds the crate's programs. */
export const HOW_TO_BUILD_THE_CRATE = 'tools/interop/rust/build.sh (needs cargo and protoc)';

/** The command of an answering end. @param nodeFlags for example `--cpu-prof` */
export function serveCommand(end: End, where: string, nodeFlags: readonly string[]): readonly string[] {
  if (end.by === 'node') return [process.execPath, ...nodeFlags, here('../programs/serve.ts'), end.stack, where];
  return end.medium === 'grpc'
    ? [crate(end, 'agent'), '--grpc', where]
    : [crate(end, 'agent'), '--uds', where.slice('unix:'.length)];
}

/** Duration of a run. */
export interface Timing {
  readonly seconds: number;
  readonly warmupSeconds: number;
}

/** The command of an asking end. */
export function loadCommand(
  end: End,
  address: string,
  inFlight: number,
  { seconds, warmupSeconds }: Timing,
  nodeFlags: readonly string[],
): readonly string[] {
  if (end.by === 'node') {
    const program = [process.execPath, ...nodeFlags, here('../programs/load.ts'), end.stack, address];
    return [...program, String(inFlight), String(seconds), String(warmupSeconds)];
  }
  const target = end.medium === 'grpc' ? ['--grpc', address] : ['--uds', address.slice('unix:'.length)];
  const times = [
    '--in-flight',
    String(inFlight),
    '--seconds',
    String(seconds),
    '--warmup-seconds',
    String(warmupSeconds),
  ];
  return [crate(end, 'load'), ...target, ...times];
}

/** The address in what an answering end says when it listens. */
export function addressIn(end: End, line: string): string {
  if (end.by === 'node') return (JSON.parse(line) as { readonly address: string }).address;
  return line.replace(/^listening /, '');
}
