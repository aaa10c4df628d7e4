import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { createGateway } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import { makeIdentity } from '../../../packages/transport-grpc/test/support/certificates.ts';

const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/h2spec', import.meta.url));

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Returns the program, which is built once. */
function program(): string {
  const given = process.env['H2SPEC'];
  if (given !== undefined) return given;
  const built = join(CACHE, 'h2spec');
  if (existsSync(built)) return built;
  say(`building ${MODULE}`);
  mkdirSync(CACHE, { recursive: true });
  execFileSync('go', ['install', MODULE], { env: { ...process.env, GOBIN: CACHE }, stdio: 'inherit' });
  return built;
}

interface Result {
  readonly passed: number;
  readonly total: number;
  readonly failed: readonly string[];
}

async function run(h2spec: string, port: number, flags: readonly string[]): Promise<Result> {
  const child = spawn(h2spec, ['-h', '127.0.0.1', '-p', String(port), ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  await new Promise((resolve) => child.on('close', resolve));
  // it writes each case over its own announcement
  const lines = stripVTControlCharacters(text).split('\n');
  const [, total = 0, passed = 0] = /(\d+) tests, (\d+) passed/.exec(text) ?? [];
  if (Number(total) === 0) throw new Error(`h2spec has run no cases: ${text.slice(-500)}`);
  const failed = new Set(lines.flatMap((line) => /\u00D7 \d+: (.*)$/.exec(line)?.[1]?.trim() ?? []));
  return { passed: Number(passed), total: Number(total), failed: [...failed] };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const h2spec = program();
const hello: RequestListener = (request, response) => void request.resume().on('end', () => response.end('hello'));
const upstream = createServer(hello);
const bare = createHttp2Server((request, response) => void request.resume().on('end', () => response.end('hello')));
bare.on('sessionError', () => undefined);
const pool = new AgentPool();
const gateway = createGateway({ pool, upstream: `http://127.0.0.1:${await listening(upstream)}` });
const folder = mkdtempSync(join(tmpdir(), 'h2spec-'));
try {
  const identity = makeIdentity('localhost', makeIdentity('h2spec'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(cert, identity.cert);
  writeFileSync(key, identity.key);
  const portOf = (url: string): number => Number(new URL(url).port);
  const plain = portOf(await gateway.listen({ h2c: true }));
  const secure = portOf(await gateway.listen({ tls: { certificates: [{ cert, key }] } }));
  const node = await run(h2spec, await listening(bare), []);
  const rows = [
    ['node:http2', node],
    ['gateway, h2c', await run(h2spec, plain, [])],
    ['gateway, TLS', await run(h2spec, secure, ['-t', '-k'])],
  ] as const;
  for (const [name, { passed, total, failed }] of rows) {
    process.stdout.write(`${name}: ${passed} of ${total}\n`);
    const only = failed.filter((title) => !node.failed.includes(title));
    for (const title of only) process.stdout.write(`  fails, unlike node:http2: ${title}\n`);
  }
  if (rows.some(([, { passed }]) => passed < node.passed)) process.exitCode = 1;
} finally {
  await gateway.close();
  await pool.close();
  upstream.close();
  bare.close();
  rmSync(folder, { recursive: true });
}
