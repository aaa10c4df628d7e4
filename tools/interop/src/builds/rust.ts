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

/** Builds the programs on the last released crate that has version 1; does nothing when nothing changed. */
export function buildVersionOneRust(): Promise<Built> {
  return buildWith(['cargo', 'protoc'], () => run(here('rust-v1/build.sh'), []));
}

/** A program of version 1. */
export function versionOneProgram(name: 'agent' | 'proxy' | 'vectors'): string {
  return here(`rust-v1/bin/${name}`);
}
