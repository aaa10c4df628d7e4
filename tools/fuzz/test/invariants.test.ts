import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appearance, differences } from '../src/differential.ts';
import { broken } from '../src/invariants.ts';
import { type Outcome, Rig } from '../src/rig.ts';
import type { AgentSide, Scenario } from '../src/scenario.ts';
import { WAYS } from '../src/transports.ts';

const side: AgentSide = { verdict: 'allow', reading: 'none', change: 'pass', ops: [] };
const reader: AgentSide = { ...side, reading: 'whole' };
const scenario: Scenario = {
  id: 1,
  mode: 'hold',
  request: {
    method: 'POST',
    target: '/a?b',
    version: '1.1',
    headers: [['x-user', 'u']],
    body: { framing: 'length', pieces: ['hello'] },
    spoil: 'none',
  },
  client: 'fast',
  agents: [
    { request: side, response: side },
    { request: reader, response: reader },
  ],
  upstream: {
    status: 200,
    version: '1.1',
    headers: [['x-r', '1']],
    body: { framing: 'length', pieces: ['a secret'] },
    end: 'whole',
    early: false,
  },
};

let rig: Rig;
let outcome: Outcome;

beforeAll(async () => {
  const [memory] = WAYS;
  if (memory === undefined) throw new TypeError('no transports');
  rig = await Rig.open(memory);
  outcome = await rig.play({
    ...scenario,
    upstream: { ...scenario.upstream, body: { framing: 'length', pieces: ['plain'] } },
  });
});
afterAll(() => rig[Symbol.asyncDispose]());

/** The outcome with one part changed. */
function doctored(change: (copy: { -readonly [Key in keyof Outcome]: Outcome[Key] }) => void): string[] {
  const copy = structuredClone({ ...outcome, ends: [] });
  change(copy);
  return broken(copy);
}

describe('invariants', () => {
  test('a sound outcome breaks none', () => {
    expect(broken(outcome)).toEqual([]);
    expect(outcome.ends).toMatchObject([{ outcome: 'allowed', status: 200 }]);
    expect(rig.leftovers()).toEqual([]);
    expect(outcome.agents[1].request).toMatchObject({ body: 'hello', whole: true });
    expect(outcome.upstream).toMatchObject([{ body: 'hello', whole: true }]);
  });

  test('an agent that blocks is obeyed', async () => {
    const blocked = await rig.play(scenario);
    expect(broken(blocked)).toEqual([]);
    expect(blocked.client.response?.startLine).toContain(' 403 ');
  });

  test.each<[string, RegExp, Parameters<typeof doctored>[0]]>([
    ['a client without an end', /no end/, (copy) => (copy.client = { ...copy.client, hung: true })],
    ['an answer that is not HTTP', /could not read/, (copy) => (copy.client = { ...copy.client, fault: 'chunk' })],
    ['no response', /no response/, (copy) => (copy.client = { ...copy.client, response: undefined })],
    [
      'another target at the upstream',
      /the upstream got GET/,
      (copy) => Object.assign(copy.upstream[0] ?? {}, { start: 'GET / HTTP/1.1' }),
    ],
    [
      'a header that the agent did not see',
      /headers/,
      (copy) =>
        copy.upstream[0]?.headers.concat([]) &&
        Object.assign(copy.upstream[0], { headers: [...copy.upstream[0].headers, ['x-late', '1']] }),
    ],
    [
      'another host',
      /host/,
      (copy) =>
        copy.upstream[0] &&
        Object.assign(copy.upstream[0], {
          headers: copy.upstream[0].headers.map(([name, value]) => [name, name === 'host' ? 'other' : value]),
        }),
    ],
    [
      'a body that was judged otherwise',
      /judged 5 characters/,
      (copy) => Object.assign(copy.upstream[0] ?? {}, { body: 'hello attack' }),
    ],
    [
      'a body that passed unread',
      /saw nothing/,
      (copy) => Object.assign(copy.agents[1].request, { body: undefined, whole: false }),
    ],
    ['an agent that was not asked', /not asked/, (copy) => Object.assign(copy.agents[1].request, { head: undefined })],
    ['a request that came twice', /2 times/, (copy) => copy.upstream.push(...structuredClone(copy.upstream))],
    [
      'a refused request at the upstream',
      /refused/,
      (copy) =>
        (copy.scenario = {
          ...copy.scenario,
          agents: [{ request: { ...side, verdict: 'block' }, response: side }, scenario.agents[1]],
        }),
    ],
    [
      'a success for a request with an attack',
      /refuses this request, the client got 200/,
      (copy) =>
        (copy.scenario = {
          ...copy.scenario,
          request: { ...copy.scenario.request, body: { framing: 'length', pieces: ['attack'] } },
        }),
    ],
    [
      'a secret that reaches the client',
      /the client got it/,
      (copy) => {
        copy.scenario = scenario;
        Object.assign(copy.client.response ?? {}, { body: 'a secret' });
      },
    ],
  ])('finds %s', (_, expected, change) => {
    expect(doctored(change).join('\n')).toMatch(expected);
  });
});

test('differences are named by place', () => {
  const other = structuredClone(appearance(outcome));
  expect(differences(appearance(outcome), other)).toEqual([]);
  Object.assign(other['client'] as object, { body: 'x' });
  expect(differences(appearance(outcome), other)).toEqual(['client.body: "plain" ≠ "x"']);
});
