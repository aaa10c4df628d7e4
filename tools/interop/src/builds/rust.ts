import { type Built, buildWith, run } from './build.ts';
import { here } from './paths.ts';

/** Builds the programs on the released crate; does nothing when nothing changed. */
export function buildRust(): Promise<Built> {
  return buildWith(['cargo', 'protoc'], () => run(here('rust/build.sh'), []));
}

/** A program of the crate in the variant that offers what the medium needs. */
export function crateProgram(name: 'agent' | 'proxy' | 'load', encoding: 'json' | 'msgpack'): string {
  return here(`rust/bin-${encoding}/${name}`);
}
