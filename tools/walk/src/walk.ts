import { type Profiler, Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';

/** Root of the repository. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCE = /^packages\/([^/]+)\/(?:src|dist)\//;

/** Function of this repository that ran, and how often. */
export interface WalkedFunction {
  readonly package: string;
  /** Path in the repository. */
  readonly file: string;
  readonly name: string;
  readonly calls: number;
}

function functionsOf(script: Profiler.ScriptCoverage): WalkedFunction[] {
  if (!script.url.startsWith('file:')) return [];
  const file = fileURLToPath(script.url).replace(ROOT, '');
  const [, name] = SOURCE.exec(file) ?? [];
  if (name === undefined) return [];
  return script.functions.flatMap(({ functionName, ranges }) => {
    const calls = ranges[0]?.count ?? 0;
    return calls === 0 ? [] : [{ package: name, file, name: functionName, calls }];
  });
}

const callsOf = (walked: readonly WalkedFunction[]): number => walked.reduce((sum, { calls }) => sum + calls, 0);

/**
 * Records the functions that run while `action` does, with V8's precise coverage, and returns the shortest of several rounds:
 * a timer that fires in one of them is not part of a request.
 */
export async function walk(action: () => Promise<unknown>, rounds = 60): Promise<readonly WalkedFunction[]> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    let shortest: readonly WalkedFunction[] | undefined;
    for (let round = 0; round < rounds; round += 1) {
      // each call gives what ran since the one before
      await session.post('Profiler.takePreciseCoverage');
      await action();
      const { result } = await session.post('Profiler.takePreciseCoverage');
      const walked = result.flatMap(functionsOf);
      if (shortest === undefined || callsOf(walked) < callsOf(shortest)) shortest = walked;
    }
    return shortest ?? [];
  } finally {
    session.disconnect();
  }
}

/** Files and calls of a walk or of a part of it. */
export interface WalkSize {
  readonly files: number;
  readonly calls: number;
}

/** Counts the files and calls of a walk. */
export function sizeOf(walked: readonly WalkedFunction[]): WalkSize {
  return { files: new Set(walked.map(({ file }) => file)).size, calls: callsOf(walked) };
}

/** Counts the files and calls of a walk for each package, the most calls first. */
export function sizesByPackage(
  walked: readonly WalkedFunction[],
): readonly (readonly [name: string, size: WalkSize])[] {
  return [...Map.groupBy(walked, (one) => one.package)]
    .map(([name, ones]) => [name, sizeOf(ones)] as const)
    .toSorted(([, a], [, b]) => b.calls - a.calls);
}
