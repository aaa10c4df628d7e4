import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { parseEndpoint, systemClock } from '@agentwire/core';
import { expect, onTestFinished, test } from 'vitest';
import { runAgentChecks } from '../src/agent/run-agent-checks.ts';
import type { CheckResult } from '../src/check.ts';
import { crateTable } from './crate-table.ts';

const root = new URL('../../../', import.meta.url);
const binary = fileURLToPath(new URL('tools/interop/rust/bin-json/agent', root));
const page = fileURLToPath(new URL('docs/conform-zentinel-0.6.45.md', root));
const options = { clock: systemClock, timeoutMs: 2_000 };

/** Section of the page that this test checks; `pnpm interop:proxy` writes the section of the released proxy. */
function cutPage(text: string): readonly [agent: string, proxy: string] {
  const at = text.indexOf('## The released proxy\n');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}

/** Outcomes of the checks, without reasons and layout. */
function outcomes(text: string): string[] {
  return [...text.matchAll(/^\| `([\w-]+)` +\|.*\| +(\S*) +\| +(\S*) +\|$/gm)].map(
    ([, id, uds, grpc]) => `${id} ${uds} ${grpc}`,
  );
}

test.skipIf(!existsSync(binary))(
  'the crate’s agent conforms as docs/conform-zentinel-0.6.45.md says',
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(`${tmpdir()}/aw-crate-`);
    const agent = spawn(binary, ['--uds', `${folder}/a.sock`, '--grpc', '127.0.0.1:0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(async () => {
      agent.kill('SIGKILL');
      await once(agent, 'close');
      rmSync(folder, { recursive: true, force: true });
    });
    let grpc: string | undefined;
    let uds: string | undefined;
    for await (const line of createInterface({ input: agent.stdout })) {
      if (line.startsWith('listening grpc://')) grpc = line.slice('listening '.length);
      if (line.startsWith('listening unix:')) uds = line.slice('listening '.length);
      if (grpc !== undefined && uds !== undefined) break;
    }
    const overUds: CheckResult[] = await runAgentChecks(parseEndpoint(uds ?? ''), 'zentinel', options);
    const overGrpc: CheckResult[] = await runAgentChecks(parseEndpoint(grpc ?? ''), 'grpc', options);
    const now = crateTable(overUds, overGrpc);
    const [agentPart, proxyPart] = cutPage(readFileSync(page, 'utf8'));
    const update = process.env['UPDATE_CONFORM'] !== undefined;
    if (update) writeFileSync(page, `${now}\n${proxyPart}`);
    const committed = outcomes(update ? now : agentPart);
    expect(committed.length).toBeGreaterThan(40);
    expect(outcomes(now)).toEqual(committed);
  },
);
