import { spawn } from 'node:child_process';

/** Result of building a peer. */
export type Built = { readonly ok: true } | { readonly ok: false; readonly missing: boolean; readonly why: string };

/** Tests whether a program is installed. */
export async function has(program: string): Promise<boolean> {
  return (await run('sh', ['-c', `command -v ${program}`])).ok;
}

/** Runs a command to its end; its output goes to stderr, and the end of it into `why`. */
export function run(program: string, args: readonly string[], cwd?: string, env?: NodeJS.ProcessEnv): Promise<Built> {
  return new Promise((resolve) => {
    let tail = '';
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
      env: { ...process.env, ...env },
    });
    const keep = (data: Buffer): void => {
      tail = (tail + data.toString()).slice(-2_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve({ ok: false, missing: true, why: error.message }));
    child.once('exit', (code) =>
      resolve(
        code === 0 ? { ok: true } : { ok: false, missing: false, why: tail.trim().split('\n').slice(-6).join('\n') },
      ),
    );
  });
}

/** Builds with the first of `programs` that is missing named, so that a machine without it is told apart from a failure. */
export async function buildWith(programs: readonly string[], build: () => Promise<Built>): Promise<Built> {
  for (const program of programs)
    if (!(await has(program))) return { ok: false, missing: true, why: `missing: ${program}` };
  return build();
}
