import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

function examples(readme: string): string[] {
  const text = readFileSync(join(root, readme), 'utf8');
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
}

/** Runs a program in a folder in which every package is found, from source. */
async function run(code: string): Promise<string> {
  const folder = mkdtempSync(join(root, 'test', 'example-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'example.ts');
  writeFileSync(file, code);
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@agentwire/source', file], {
    timeout: 30_000,
  });
  return stdout;
}

describe('the examples of the READMEs run', () => {
  test.each([
    ['packages/core/README.md', "unix unix:/run/waf.sock\nwaf json [ 'errors' ]\nERR_VERSION_MISMATCH\n"],
    ['packages/a2a-bridge/README.md', 'oracle\n'],
    ['packages/metrics/README.md', 'agent_requests_total{agent="waf",decision="allow"} 1\n'],
    ['packages/reverse-listener/README.md', 'allow\n'],
    ['packages/middleware/README.md', '200 hello | 403 path traversal\n'],
    ['packages/pipeline/README.md', 'x-waf: pass | waf: block\n'],
    ['packages/testing/README.md', "pass chunk by chunk\n403 [ 'xss' ]\n"],
    ['packages/recording/README.md', "/admin [ '942100' ]\n"],
    ['packages/pool/README.md', "block [ 'agentwire:ERR_CONNECT' ]\n"],
    ['packages/agentwire/README.md', "{ type: 'block', status: 403, body: 'path traversal' }\n"],
  ])('%s', async (readme, output) => {
    const [example] = examples(readme);
    expect(await run(example ?? '')).toBe(output);
  });

  test('the example with TLS of the README of agentwire connects a pool and an agent over both transports', async () => {
    const certificates = join(root, 'packages/transport-uds/test/certificates');
    const code = (examples('packages/agentwire/README.md')[1] ?? '')
      .replace("'agent.key'", `'${certificates}/server.key'`)
      .replace("'agent.pem'", `'${certificates}/server.pem'`)
      .replace("'ca.pem'", `'${certificates}/ca.pem'`);
    expect(await run(code)).toBe('[ 4, 4 ]\n');
  });

  test('the examples of the README of agent are one program that serves', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agentwire-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const code = examples('packages/agent/README.md').join('\n').replaceAll('unix:/tmp', `unix:${folder}`);
    const imports = "import { drop, pass } from '@agentwire/agent';";
    expect(await run(`${imports}\n${code}\nprocess.exit();`)).toBe(`[ 'unix:${folder}/waf.sock' ]\n`);
  });

  test('the example of the README of agent with a state hands it from the request to the response', async () => {
    const example = examples('packages/agent/README.md').find((code) => code.includes('context.state'));
    const ask = `
      import { testAgent } from '@agentwire/testing';
      for (const uri of ['/?lang=fr', '/']) {
        const { response } = await testAgent(language).request({ uri, response: { status: 200 } });
        console.log(response?.headers.get('content-language'));
      }`;
    const imports = "import { allow, defineAgent } from '@agentwire/agent';";
    expect(await run(`${imports}\n${example}\n${ask}`)).toBe('fr\nen\n');
  });

  test('the tracer of docs/a2a.md traces what a router sends', async () => {
    const spans = `
      const names = [];
      trace.setGlobalTracerProvider({
        getTracer: () => ({
          startSpan: (name) => (names.push(name), trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 })),
        }),
      });
      const agent = router.register(router.processTable.insert({ agentId: 'agent' }));
      await agent.publish('news', { kind: 'text', text: 'hi' });
      console.log(names);`;
    expect(await run(`${examples('docs/a2a.md')[1]}${spans}`)).toBe("[ 'send news' ]\n");
  });

  test('the agent and the gateway of the README work together', async () => {
    const [agent = '', gateway = ''] = examples('README.md');
    const folder = mkdtempSync(join(tmpdir(), 'agentwire-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const imports = [agent, gateway].flatMap((code) => code.match(/^import .*$/gm) ?? []);
    // as they stand, but for places that must be free on any machine
    const body = `${agent}\n${gateway}`
      .replaceAll(/^import .*$/gm, '')
      .replaceAll('/tmp/waf.sock', join(folder, 'waf.sock'))
      .replace('listen(3000,', 'listen(0,')
      .replace("'http://127.0.0.1:3000'", '`http://127.0.0.1:${upstream.address().port}`')
      .replace('port: 8080', 'port: 0')
      .replace('console.log(server.endpoints);', '')
      .replace(/console\.log\((await gateway\.listen\(.*?\))\);/, 'const url = $1;');
    const ask = `
      const good = await fetch(url);
      const bad = await fetch(url + '/%61dmin;x');
      console.log(good.status, (await good.text()).trim(), bad.status, await bad.text());
      process.exit();`;
    // the pool's logger prints the connections it makes before that
    const lines = (await run([...imports, body, ask].join('\n'))).trimEnd().split('\n');
    expect(lines.at(-1)).toBe('200 upstream saw x-waf: pass 403 staff only');
  });
});
