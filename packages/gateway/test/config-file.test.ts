import { createGateway, type GatewayOptions } from '@agentwire/gateway';
import { parseGatewayFile, placeInGatewayFile } from '@agentwire/gateway/config-file';
import { parseHostPort } from '@agentwire/gateway/internal';
import { AgentPool } from '@agentwire/pool';
import { describe, expect, test } from 'vitest';

const AGENTS = 'agents:\n  - { name: waf, endpoint: "unix:/w" }\n  - { name: auth, endpoint: reverse }\n';
const parse = (text: string): unknown => parseGatewayFile(text, 'gateway.yaml');

describe('an error in a file names file, line, key and what is allowed', () => {
  test.each([
    ['listen: 1', 'gateway.yaml:1: listen must be text of the form HOST:PORT'],
    ['\nadmin: nowhere', 'gateway.yaml:2: admin must be text of the form HOST:PORT'],
    ['upstream: h:1', 'gateway.yaml:1: upstream must be http://HOST:PORT or https://HOST:PORT'],
    ['adminHosts: [a, "a b"]', 'gateway.yaml:1: adminHosts[1]: a name of adminHosts must be a host name'],
    ['listen: 127.0.0.1:1\nagents: &a\n  - *a', 'gateway.yaml:3 has an alias (*name); write the value out'],
    ['listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2', 'gateway.yaml:2 begins a second document'],
    ['adminHosts: [a, 1]', 'gateway.yaml:1: adminHosts[1]: a name of adminHosts must be a string'],
    ['listen: 127.0.0.1:1\nnope: 1', 'gateway.yaml:2: nope: there is no such key; the file may have listen, admin'],
    [
      'gateway:\n  trustForwarded: no',
      'gateway.yaml:2: gateway.trustForwarded must be true, false or a list of IP ranges',
    ],
    [
      'gateway:\n  requestBody: buffer\n  maxHeaders: 0',
      'gateway.yaml:3: gateway.maxHeaders must be an integer from 1',
    ],
    [
      'gateway:\n  upstream: x',
      'gateway.yaml:2: gateway.upstream: there is no such key here: it belongs at the top level of the file, or to one of routes; gateway may have',
    ],
    [
      'trustForwarded: true',
      'gateway.yaml:1: trustForwarded: there is no such key here: it belongs under gateway; the file may have listen',
    ],
    [
      'gateway:\n  proxyProtocol: true',
      'gateway.yaml:2: gateway.proxyProtocol: there is no such key here: it belongs at the top level of the file; gateway may',
    ],
    [
      'upstreams:\n  app: { targets: [http://h:1], maxHeaders: 1 }',
      'gateway.yaml:2: upstreams.app.maxHeaders: there is no such key here: it belongs under gateway; upstreams.app may',
    ],
    ['proxyProtocol: 10.0.0.0/8', "such as { from: ['10.0.0.0/8'] }, got"],
    ['proxyProtocol: { from: 10.0.0.0/8 }', "from must be a list of IP ranges, such as ['10.0.0.0/8'], got"],
    ['gateway:\n  trustForwarded: 10.0.0.0/8', "a list of IP ranges, such as ['10.0.0.0/8'], got"],
    [
      'upstream: ap\nupstreams:\n  app: { targets: [http://h:1] }',
      'upstreams has app; or write an address, http://HOST:PORT',
    ],
    ['gateway:\n  maxHeaders:\n', 'gateway.yaml:2: gateway.maxHeaders has no value'],
    ['gateway: [1]', 'gateway.yaml:1: gateway must be an object of options'],
    ['pool:\n  requestTimeoutMs: fast', 'gateway.yaml:2: pool.requestTimeoutMs must be an integer'],
    ['pool:\n  logger: x', 'gateway.yaml:2: pool.logger: there is no such key; pool may have connectionsPerAgent'],
    ['agents: x', 'gateway.yaml:1: agents must be a list of {name, endpoint}'],
    ['agents:\n  - { name: a }', 'gateway.yaml:2: agents[0]: an agent needs a name and an endpoint'],
    ['agents:\n  - name: a\n    endpoint: "tcp:x"', 'gateway.yaml:3: agents[0].endpoint: "tcp:x" is not an endpoint'],
    ['agents:\n  - name: a\n    endpiont: x', 'gateway.yaml:3: agents[0].endpiont: there is no such key'],
    [`${AGENTS}  - { name: waf, endpoint: reverse }`, 'gateway.yaml:4: agents[2].name: there are two agents "waf"'],
    [
      'agents:\n  - { name: a, endpoint: reverse, onFailure: maybe }',
      'gateway.yaml:2: agents[0].onFailure must be "closed", "open"',
    ],
    [`${AGENTS}pipeline: []`, 'gateway.yaml:4: pipeline is empty, so that no agent would be asked'],
    [`${AGENTS}pipeline: [[]]`, 'gateway.yaml:4: pipeline[0]: a step has no agent'],
    [
      `${AGENTS}pipeline:\n  - waf\n  - wfa`,
      'gateway.yaml:6: pipeline[1]: "wfa" is no agent of this file; agents has waf, auth',
    ],
    [`${AGENTS}pipeline: [waf]`, 'gateway.yaml:4: pipeline does not name the agent "auth"'],
    [`${AGENTS}pipeline: [waf, [auth, waf]]`, 'gateway.yaml:4: pipeline names "waf" twice'],
    [`${AGENTS}pipeline: [1]`, 'gateway.yaml:4: pipeline[0]: a step must be the name of an agent'],
    [`${AGENTS}pipeline: waf`, 'gateway.yaml:4: pipeline must be a list of names'],
    ['pipeline: [waf]', 'gateway.yaml:1: pipeline[0]: "waf" is no agent of this file; there are none under agents'],
    ['a: 1\nb: [', 'gateway.yaml:2 is not YAML'],
    ['a: &x [1]\nb: *x', 'gateway.yaml:2 has an alias'],
    ['admin: 127.0.0.1:1\nadmin: 127.0.0.1:2', 'gateway.yaml:2 is not YAML'],
    ['workers: 0', 'gateway.yaml:1: workers (a number, or auto) must be an integer from 1 to 256, got 0'],
    ['- a', 'gateway.yaml:1: a gateway file has the keys listen, admin'],
  ])('%j', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  test('a scheme that no transport serves is refused with its line, if the schemes are known', () => {
    const text = 'agents:\n  - name: a\n    endpoint: "ftp:x"';
    expect(() => parseGatewayFile(text, 'gateway.yaml', ['unix', 'tcp'])).toThrow(
      'gateway.yaml:3: agents[0].endpoint: no transport serves ftp: ("ftp:x"); there are transports for unix, tcp',
    );
    expect(parseGatewayFile(text, 'gateway.yaml')).toBeDefined();
  });

  test('a key is named with its line', () => {
    expect(placeInGatewayFile(`${AGENTS}tls:\n  ca: a`, 'g.yaml', ['tls', 'ca'])).toBe('g.yaml:5: tls.ca');
    expect(placeInGatewayFile(AGENTS, 'g.yaml', ['agents', 1, 'name'])).toBe('g.yaml:3: agents[1].name');
  });

  test('a valid file is returned', () => {
    expect(parse('')).toEqual({});
    expect(parse(`${AGENTS}pipeline: [[auth, waf]]\ngateway: { keepAliveTimeoutMs: 1000 }`)).toMatchObject({
      pipeline: [['auth', 'waf']],
      gateway: { keepAliveTimeoutMs: 1_000 },
    });
  });
});

describe('options of createGateway', () => {
  const pool = {
    decide: () => Promise.reject(new Error('no')),
    handles: () => true,
  } as unknown as GatewayOptions['pool'];
  const whole = new AgentPool();
  const create = (options: object): unknown =>
    createGateway({ pool: whole, upstream: 'http://127.0.0.1:1', ...options });

  test.each([
    [{ pool }, 'pool must be an object with the methods decide, decideFailure, handles'],
    [{ onRequestEnd: 1 }, 'onRequestEnd must be a function, got 1 (number)'],
    [{ logger: {} }, 'logger must be an object with the methods debug, info, warn, error'],
    [{ clock: {} }, 'clock must be an object with the methods now'],
    [{ agents: 'waf' }, 'agents must be a list'],
    [{ agents: [[]] }, 'agents has an empty list in it'],
    [{ agents: [1] }, 'a name of agents must be a string'],
    [{ upstream: 1 }, 'upstream must be http://HOST:PORT'],
    [{ upstream: 'http://user:secret@h:1' }, 'got "http://…@h:1"'],
    [{ upstream: 'http://h:1/#x' }, 'upstream must be http://HOST:PORT'],
  ])('%j are refused', (options, message) => {
    expect(() => create(options)).toThrow(message);
  });

  test('an option that is undefined has its default', () => {
    expect(() => create({ allowTrace: undefined, maxHeaders: undefined, requestBody: undefined })).not.toThrow();
  });
});

test.each([
  ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['h:65536', undefined],
  ['h', undefined],
  ['::1:80', undefined],
])('parseHostPort(%j)', (text, expected) => {
  expect(parseHostPort(text)).toEqual(expected);
});
