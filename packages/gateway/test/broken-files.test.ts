import { parseGatewayFile } from '@agentwire/gateway/config-file';
import { expect, test } from 'vitest';

const AGENTS = 'agents:\n  - { name: waf, endpoint: "unix:/w" }\n  - { name: auth, endpoint: reverse }\n';
const UPSTREAMS = 'upstreams:\n  api:\n    targets: [http://h:1]\n';

/** Files that `a.yaml` may include. */
const FILES: Readonly<Record<string, string>> = {
  'routes.yaml': 'routes:\n  - path: /a\n    upstream: http://h:1\n  - path: b\n    upstream: http://h:1\n',
  'more.yaml': 'upstreams:\n  api:\n    targets: [http://h:2]\n',
  'loop.yaml': 'include: a.yaml\n',
  'list.yaml': '- a\n',
  'top.yaml': 'listen: 127.0.0.1:1\n',
  'broken.yaml': 'agents:\n  - [\n',
};
const context = {
  env: { PORT: '8080', EMPTY: '' },
  read: (path: string): string => {
    const text = FILES[path];
    if (text === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' });
    return text;
  },
};

const BROKEN: readonly string[] = [
  'listen: 1',
  'listen: 127.0.0.1:99999',
  '\nadmin: nowhere',
  'upstream: h:1',
  'upstream: http://user:secret@h:1',
  'upstream: http://h:1/path',
  'upstream: unix:relative',
  'upstream: api',
  `${UPSTREAMS}upstream: apu`,
  'adminHosts: [a, "a b"]',
  'nope: 1',
  'a: 1\nb: [',
  'admin: 127.0.0.1:1\nadmin: 127.0.0.1:2',
  '- a',
  'listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2',
  'agents: &a\n  - *a',
  'gateway:\n  trustForwarded: no',
  'gateway:\n  trustForwarded: [10.0.0.0/8, lb]',
  'gateway:\n  trailers: all',
  'proxyProtocol: maybe',
  'proxyProtocol: { from: [10.0.0.0/33] }',
  'upstreams:\n  api:\n    targets: [http://h:1]\n    protocol: h3',
  'upstreams:\n  api:\n    targets: [https://h:1, http://h:2]\n    protocol: auto',
  'upstreams:\n  api:\n    targets: [http://h:1]\n    pingIntervalMs: 1000',
  'gateway:\n  requestBody: whole',
  'gateway:\n  maxHeaders:\n',
  'gateway:\n  maxheaders: 1',
  'gateway: [1]',
  'gateway:\n  agentSettings: { waf: { timeout: 1 } }',
  `${AGENTS}gateway:\n  agentSettings: { wfa: { timeoutMs: 5 } }`,
  `${AGENTS}routes:\n  - path: /a\n    upstream: http://h:1\n    agentSettings: { wfa: { timeoutMs: 5 } }`,
  'pool:\n  requestTimeoutMs: fast',
  'agents: x',
  'agents:\n  - { name: a }',
  'agents:\n  - name: a\n    endpoint: "tcp:x"',
  'agents:\n  - name: a\n    endpoint: "ftp:x"',
  'agents:\n  - { name: a, endpoint: reverse, onFailure: maybe }',
  'agents:\n  - { name: a, endpoint: reverse, onFailure: { timout: open } }',
  `${AGENTS}  - { name: waf, endpoint: reverse }`,
  `${AGENTS}pipeline: []`,
  `${AGENTS}pipeline:\n  - waf\n  - wfa`,
  `${AGENTS}pipeline: [waf]`,
  `${AGENTS}upstream: http://h:1\nroutes:\n  - pipeline: [waf]`,
  `${AGENTS}upstream: http://h:1\nroutes:\n  - pipeline: [auth, nope]`,
  'upstreams: []',
  'upstreams:\n  a b:\n    targets: [http://h:1]',
  'upstreams:\n  api: http://h:1',
  'upstreams:\n  api:\n    target: http://h:1',
  'upstreams:\n  api:\n    targets: http://h:1',
  'upstreams:\n  api:\n    targets:\n      - url: http://h:1\n        weight: much',
  'upstreams:\n  api:\n    balance: random\n    targets: [http://h:1]',
  'upstreams:\n  api:\n    targets: [http://h:1]\n    tls: { ca: missing.pem }',
  'upstreams:\n  api:\n    targets: [http://h:1]\n    tls: { ca: top.yaml }',
  'upstreams:\n  api:\n    targets: [http://h:1]\n    healthCheck: { intervalMs: 100 }',
  'upstreams:\n  api:\n    targets: [http://h:1]\n    eject: true',
  'upstreams:\n  api:\n    targets: [http://h:1]\n    lookup: x',
  'routes: {}',
  'routes:\n  - path: /a',
  `${UPSTREAMS}routes:\n  - path: /a\n    upstream: nope`,
  'upstream: http://h:1\nroutes:\n  - path: a',
  'upstream: http://h:1\nroutes:\n  - pathPrefix: /a/../b',
  'upstream: http://h:1\nroutes:\n  - pathRegex: "(a"',
  'upstream: http://h:1\nroutes:\n  - path: /a\n    pathPrefix: /b',
  'upstream: http://h:1\nroutes:\n  - path: /a\n    rewritePrefix: /b',
  'upstream: http://h:1\nroutes:\n  - methods: get',
  'upstream: http://h:1\nroutes:\n  - host: a.test:80',
  'upstream: http://h:1\nroutes:\n  - headers:\n      x-a: 1',
  'upstream: http://h:1\nroutes:\n  - retries: -1',
  'upstream: http://h:1\nroutes:\n  - prefix: /a',
  'listen: 127.0.0.1:${NOPE}',
  'listen: "127.0.0.1:${}"',
  'gateway:\n  maxHeaders: "${PORT}"',
  'gateway:\n  maxHeaders: ${PORT}',
  'include: routes.yaml',
  `include: [more.yaml]\n${UPSTREAMS}`,
  'include: loop.yaml',
  'include: missing.yaml',
  'include: list.yaml',
  'include: broken.yaml',
  'include: top.yaml\nlisten: 127.0.0.1:2',
  'include: 1',
  'tls: { cert: 1 }',
  'transports: x',
];

test('broken files are refused with file, line, key and what is allowed there', async () => {
  const pages = BROKEN.map((text, at) => {
    let message = 'is taken';
    try {
      parseGatewayFile(text, 'a.yaml', ['unix', 'tcp'], context);
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message, text).toMatch(/^[a-z]+\.yaml:\d+/);
    return `# ${at + 1}\n${text.trimEnd().replaceAll(/^/gm, '    ')}\n=> ${message}\n`;
  });
  await expect(pages.join('\n')).toMatchFileSnapshot('broken-files.txt');
});

test('variables and included files are taken', () => {
  const text = `include: [routes.yaml]\nlisten: 127.0.0.1:\${PORT}\ngateway:\n  maxHeaders: \${MAX:-50}\n  logQuery: \${EMPTY:-true}\nadminHosts: ["a\${NOPE:-}"]\n`;
  const fixed = { ...context, read: () => 'upstream: "http://$${h}"\n'.replace('$${h}', 'h') };
  expect(parseGatewayFile(text, 'dir/a.yaml', undefined, fixed)).toEqual({
    upstream: 'http://h',
    listen: '127.0.0.1:8080',
    gateway: { maxHeaders: 50, logQuery: true },
    adminHosts: ['a'],
  });
});
