import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseGatewayFile } from '@agentwire/gateway/config-file';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { generated } from '../generate/generated.ts';
import { AGENTS, BROKEN, context, UPSTREAMS } from './support/broken-files.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const [schema, page] = generated();
const validate = new Ajv({ strict: true, allErrors: false, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync(schema.path, 'utf8')) as object,
);

/** Returns what the schema refuses of a text; `undefined` where it is valid. */
function refusal(text: string): string | undefined {
  if (validate(parse(text))) return undefined;
  const [error] = validate.errors ?? [];
  return `${error?.instancePath} ${error?.message}`;
}

function isTaken(text: string): boolean {
  try {
    parseGatewayFile(text, 'a.yaml', undefined, context);
    return true;
  } catch {
    return false;
  }
}

/** Files with each kind of value. */
const VALID: readonly string[] = [
  'listen: "[::1]:8080"\nworkers: auto\nupstream: http://h:1\nh2c: true',
  'upstream: http://h:1\nproxyProtocol: true\ngateway: { trustForwarded: [10.0.0.0/8] }',
  'upstream: http://h:1\nproxyProtocol: { from: [10.0.0.0/8], timeoutMs: 100 }\ngateway: { trustForwarded: true }',
  'https: { certificates: [{ cert: a, key: b }], minVersion: TLSv1.3 }\nupstream: unix:/a.sock',
  'upstream: http://h:1\nadmin: 127.0.0.1:1\nadminHosts: [a.internal]\nadminTokenFile: t',
  'accessLog: { file: "-", format: combined, query: true }\nrecord: { file: a, redact: [x-a], maxBodyBytes: 10 }',
  `${UPSTREAMS}upstream: api\nroutes: [{ host: [a.example, "*.b.example"], methods: [GET] }, { path: /a, retries: 0 }]`,
  'upstreams: { a: { targets: [{ url: http://h:1, weight: 2 }], balance: consistentHash, hashOn: header:x-a, eject: false } }\nupstream: a',
  'upstreams: { a: { targets: [http://h:1], healthCheck: { path: /h }, eject: { failures: 2 }, protocol: http2 } }\nupstream: a',
  'upstream: http://h:1\nroutes: [{ pathRegex: "/a.*", headers: { x-a: "*" }, requestBody: buffer, trailers: both }]',
  `${AGENTS}reverseListen: tcp://127.0.0.1:0\ntokenFile: t\npipeline: [[waf, auth]]\ngateway: { agentSettings: { waf: { budgetMs: 5, mode: observe, onFailure: open } } }`,
  'agents: [{ name: a, endpoint: "unix:/a", onFailure: { timeout: open, default: closed }, tokenFile: t }]',
  'pool: { loadBalanceStrategy: roundRobin, reconnect: { factor: 1.5 }, adaptiveConcurrency: {}, encodings: [json], circuitBreakerErrorRatio: 0.5 }',
  'gateway: { requestBody: hold, http2: { maxStreams: 10 }, headersWithUnderscores: keep, minUploadBytesPerSecond: 0 }',
  'transports: [./a.ts]\ntls: { ca: a, serverName: b }',
];

const words = (text: string): string => text.replaceAll(/[\s|-]+/g, ' ');

test('the schema and the page are what pnpm generate makes', () => {
  expect(JSON.parse(readFileSync(schema.path, 'utf8'))).toEqual(JSON.parse(schema.text));
  expect(words(readFileSync(page.path, 'utf8'))).toBe(words(page.text));
});

test('the files of the pages and of the tests are valid', () => {
  const pages = ['packages/gateway/README.md', 'packages/cli/README.md', 'docs/gateway-file.md'];
  const samples = pages.flatMap((path) =>
    [...readFileSync(`${root}${path}`, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text),
  );
  expect(samples.length).toBeGreaterThan(1);
  expect(VALID.filter((text) => !isTaken(text))).toEqual([]);
  const all = [...samples, ...VALID].filter((text) => parse(text) !== null);
  expect(all.flatMap((text) => refusal(text) ?? [])).toEqual([]);
  const variables = 'listen: "${HOST}:8080"\nworkers: ${N}\ngateway: { maxHeaders: "${M:-5}", trustForwarded: "${T}" }';
  expect(refusal(variables)).toBe(undefined);
});

/** Faults that a schema cannot see: of YAML, names that refer to something, files, and what keys need of one another. */
const UNSEEN =
  /upstream|is no agent|does not name|pipeline is empty|two agents|needs an upstream|needs the environment|cannot be read|includes itself|is not YAML|document|alias|must be an object, as|another file|PORT|maxHeaders must be an integer|ADDRESS\/BITS|\bRE2\b|endpoint|path(Prefix)? and|rewritePrefix|without \? #|host name|no route asks|PEM|HOST:PORT|\$\{/;

test('the schema refuses broken files, but for what it cannot see', () => {
  const passed = BROKEN.flatMap((text) => {
    let value: unknown;
    let message = '';
    try {
      value = parse(text);
      parseGatewayFile(text, 'a.yaml', ['unix', 'tcp'], context);
      return [];
    } catch (error) {
      ({ message } = error as Error);
    }
    return value === undefined || !validate(value) ? [] : [message];
  });
  expect(passed.length).toBeLessThan(BROKEN.length / 2);
  expect(passed.filter((message) => !UNSEEN.test(message))).toEqual([]);
});

test('every key has a meaning, and those with numbers have limits', () => {
  const rows = page.text.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(120);
  expect(rows).toContainEqual(
    expect.stringMatching(/^\| `maxHeaders` \| integer \| 100 \| 1 to 1 000 \| Header lines/),
  );
  expect(rows).toContainEqual(
    expect.stringMatching(/^\| `keepAliveTimeoutMs` \| integer, ms \| 65 000 \| 1 to 86 400 000 \|/),
  );
  expect(rows.filter((row) => /\| integer[^|]*\|[^|]*\| {2}\|/.test(row))).toEqual([]);
});
