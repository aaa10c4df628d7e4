import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Writable } from 'node:stream';
import { afterAll, expect, test } from 'vitest';
import { main } from '../src/main.ts';

function sink(): { readonly stream: Writable; readonly text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}

const folder = mkdtempSync(`${tmpdir()}/aw-wu-`);
const empty = `${folder}/empty`;
writeFileSync(empty, '\n');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GATEWAY = ['gateway', '--listen', '127.0.0.1:0', '--upstream', 'http://127.0.0.1:1'];
const LISTEN = ['agent', 'waf', '--listen', `unix:${folder}/a.sock`];
function agentsFile(tokenFile: string): string {
  const agent = `{ name: w, endpoint: "unix:/w", tokenFile: ${folder}/${tokenFile} }`;
  writeFileSync(`${folder}/gateway.yaml`, `listen: 127.0.0.1:0\nupstream: http://127.0.0.1:1\nagents: [${agent}]\n`);
  return `${folder}/gateway.yaml`;
}
const TOKEN = `${folder}/token`;
writeFileSync(TOKEN, 'sekret');
/** Flags that would do nothing, and ends that anybody could come in at. */
const useless: [string, string[]][] = [
  ['--id', [...LISTEN, '--id', 'x']],
  ['--connections', [...LISTEN, '--connections', '2']],
  ['--tls-cert', [...LISTEN, '--tls-cert', empty, '--tls-key', empty]],
  ['--tls-ca', ['call', 'unix:/nobody.sock', '--tls-ca', empty]],
  ['--tls-server-name', ['bench', 'grpc://127.0.0.1:1', '--tls-server-name', 'x']],
  ['--tls-server-name', ['agent', 'waf', '--listen', 'tls://127.0.0.1:0', '--tls-server-name', 'x']],
  ['--tls-key', ['agent', 'waf', '--listen', 'tls://127.0.0.1:0', '--tls-cert', empty]],
  ['--tls-cert', ['agent', 'waf', '--listen', 'grpcs://127.0.0.1:0']],
  ['--tls-ca', ['call', 'grpcs://127.0.0.1:1', '--tls-ca', `${folder}/none`]],
  ['--token-file', ['bench', '--token-file', TOKEN]],
  ['--token-file', [...GATEWAY, '--token-file', `${folder}/none`]],
  ['--reverse-listen', [...GATEWAY, '--agent', 'w=reverse']],
  ['--reverse-listen', [...GATEWAY, '--reverse-listen', `unix:${folder}/r.sock`]],
  ['--token-file', [...GATEWAY, '--agent', 'w=reverse', '--reverse-listen', 'tcp://127.0.0.1:0']],
  ['--token-file', [...GATEWAY, '--agent', 'w=reverse', '--reverse-listen', 'tcp://localhost:0']],
];

test.each<[string, string[]]>([
  ['--connections', ['bench', 'unix:/nobody.sock', '--connections', '0.2']],
  ['--in-flight', ['bench', 'unix:/nobody.sock', '--in-flight', '1.5']],
  ['--body', ['call', 'unix:/nobody.sock', '--body', `@${folder}/none`]],
  ['-H', ['call', 'unix:/nobody.sock', '-H', 'bad name: x']],
  ['--token-file', ['agent', 'waf', '--reverse', 'unix:/nobody.sock', '--token-file', `${folder}/none`]],
  ['--token-file', ['agent', 'waf', '--reverse', 'unix:/nobody.sock', '--token-file', empty]],
  ['--challenge-fallback', ['agent', 'waf', '--listen', 'unix:/nobody.sock', '--challenge-fallback', 'allow']],
  [
    '--token-file',
    ['gateway', '--upstream', 'http://127.0.0.1:1', '--reverse-listen', `unix:${folder}/r.sock`, '--token-file', empty],
  ],
  ...useless,
  ['--listen: the port 70000 is too large', ['gateway', '--upstream', 'http://127.0.0.1:1', '--listen', 'a:70000']],
  ['no transport serves that scheme', [...GATEWAY, '--agent', 'w=ftp:x']],
  ['tokenFile of w names', ['gateway', '--config', agentsFile('none')]],
  ['--admin-host', ['gateway', '--upstream', 'http://127.0.0.1:1', '--admin-host', 'a']],
  ['--agent', ['gateway', '--upstream', 'http://127.0.0.1:1', '--agent', 'w=unix:/a', '--agent', 'w=unix:/b']],
  ['--config', ['gateway', '--config', `${folder}/none`]],
  ['--listen', ['gateway', '--upstream', 'http://127.0.0.1:1', '--agent', 'w=unix:/a', '--listen', 'nowhere']],
])('%s of %j is wrong use: status 2, and a line that would be right', async (flag, args) => {
  const [out, err] = [sink(), sink()];
  expect(await main(args, { stdout: out.stream, stderr: err.stream })).toBe(2);
  expect(err.text()).toContain(flag);
  expect(err.text()).toContain('for example:');
  expect(out.text()).toBe('');
});
