import { execFile } from 'node:child_process';

/** Output and exit status of a command. */
export interface CommandResult {
  /** Exit status; 1 where it was killed or did not start. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const LIMIT_MS = 120_000;

/** Runs a command in a folder and waits for its end, two minutes at most. Never rejects. */
export function runCommand(
  command: string,
  args: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...environment };
    const options = { cwd: folder, env, timeout: LIMIT_MS, maxBuffer: 64 * 1024 * 1024, encoding: 'utf8' as const };
    execFile(command, args, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ status, stdout, stderr: error !== null && stderr === '' ? error.message : stderr });
    });
  });
}

/** Last lines of a command's output, for a finding. */
export function lastWords({ stdout, stderr }: CommandResult): string {
  const text = stderr.trim() === '' ? stdout : stderr;
  return text.trim().split('\n').slice(-6).join(' | ');
}
