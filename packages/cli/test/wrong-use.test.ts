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
let files = 0;
/** A gateway's file with an upstream on its first line. */
function gatewayFile(text: string): string {
  const path = `${folder}/${(files += 1)}.yaml`;
  writeFileSync(path, `upstream: http://127.0.0.1:1\n${text}`);
  return path;
}
/** Files of a gateway that are wrong by themselves, or have a key without an effect. */
const wrongFiles = (
  [
    [':2: adminHosts has no effect without an admin server', 'adminHosts: [a]'],
    [':3: adminHosts[0]: a name of adminHosts must be a host name', "admin: 127.0.0.1:0\nadminHosts: ['a b']"],
    [':3: tls.ca has no effect: no endpoint speaks TLS', 'tls:\n  ca: ca.pem'],
    [':3: tls.cert is alone', 'tls:\n  cert: cert.pem\nagents:\n  - { name: w, endpoint: "grpcs://127.0.0.1:1" }'],
    [':3: tls.ca names', `tls:\n  ca: ${folder}/none\nagents:\n  - { name: w, endpoint: "grpcs://127.0.0.1:1" }`],
    [':3: agents[0] needs --reverse-listen', 'agents:\n  - { name: w, endpoint: reverse }'],
    [':2: tokenFile is for agents that register', 'tokenFile: token'],
    [
      ':4: agents[0].tokenFile has no effect',
      'reverseListen: unix:/r\nagents:\n  - { name: w, endpoint: reverse, tokenFile: t }',
    ],
    [':3 has an alias', 'agents: &all\n  - *all'],
    [':2 begins a second document', '---\nlisten: 127.0.0.1:0'],
    [':2: nope: there is no such key', 'nope: 1'],
    [':2: pool.maxInFlight', 'pool: { maxInFlight: no }'],
  ] as const
).map(([message, text]): [string, string[]] => [message, ['gateway', '--config', gatewayFile(text)]]);
/** Values of flags that are refused before anything is opened. */
const wrongGatewayFlags: [string, string[]][] = [
  ['--upstream must be http://HOST:PORT', ['gateway', '--upstream', 'nonsense']],
  ['--upstream must be http://HOST:PORT', ['gateway', '--upstream', 'http://127.0.0.1:1/path']],
  ['--upstream must be http://HOST:PORT', ['gateway', '--config', gatewayFile(''), '--upstream', 'ftp://a']],
  ['--admin-host must be a host name', [...GATEWAY, '--admin', '127.0.0.1:0', '--admin-host', 'a b']],
  ['--admin-host must be a host name', [...GATEWAY, '--admin', '127.0.0.1:0', '--admin-host', 'a:80']],
  ['--agent w=tcp:x:', [...GATEWAY, '--agent', 'w=tcp:x']],
  ['--proxy-protocol.from', [...GATEWAY, '--proxy-protocol', '10.0.0.0/99']],
];
/** Flags without an effect, and listeners without protection. */
const useless: [string, string[]][] = [
  ['--id', [...LISTEN, '--id', 'x']],
  ['--connections', [...LISTEN, '--connections', '2']],
  ['--tls-cert', [...LISTEN, '--tls-cert', empty, '--tls-key', empty]],
  ['--tls-ca', ['call', 'unix:/absent.sock', '--tls-ca', empty]],
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
  ['--connections', ['bench', 'unix:/absent.sock', '--connections', '0.2']],
  ['--in-flight', ['bench', 'unix:/absent.sock', '--in-flight', '1.5']],
  ['--body', ['call', 'unix:/absent.sock', '--body', `@${folder}/none`]],
  ['-H', ['call', 'unix:/absent.sock', '-H', 'bad name: x']],
  ['--token-file', ['agent', 'waf', '--reverse', 'unix:/absent.sock', '--token-file', `${folder}/none`]],
  ['--token-file', ['agent', 'waf', '--reverse', 'unix:/absent.sock', '--token-file', empty]],
  ['--challenge-fallback', ['agent', 'waf', '--listen', 'unix:/absent.sock', '--challenge-fallback', 'allow']],
  [
    '--token-file',
    ['gateway', '--upstream', 'http://127.0.0.1:1', '--reverse-listen', `unix:${folder}/r.sock`, '--token-file', empty],
  ],
  ...useless,
  ['agentwire agent ./my-agent.ts', ['agent', 'nope.ts', '--listen', 'unix:/absent.sock']],
  ['memory:, which is for agents in the same process', ['replay', 'absent.ndjson', 'memory:a']],
  ['--listen: the port 70000 is too large', ['gateway', '--upstream', 'http://127.0.0.1:1', '--listen', 'a:70000']],
  ['ws, wss, and --transport MODULE adds one', ['call', 'ftp:x']],
  ['ws, wss, and --transport MODULE adds one', ['bench', 'ftp:x']],
  ['no transport serves that scheme', [...GATEWAY, '--agent', 'w=ftp:x']],
  ['gateway.yaml:3: agents[0].tokenFile names', ['gateway', '--config', agentsFile('none')]],
  ...wrongFiles,
  ...wrongGatewayFlags,
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
