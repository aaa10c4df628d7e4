import { isDeepStrictEqual } from 'node:util';
import { type Effect, type Seen, showSeen } from '../outcome/outcome.ts';

/** Conditions under which a scenario was played. */
interface Place {
  readonly medium: Medium;
}

/** Transport of the messages. */
export type Medium = 'uds-json' | 'uds-msgpack' | 'grpc';

/** Gives what is wrong with an outcome, or `undefined`. */
export type Check = (seen: Seen, place: Place) => string | undefined;

/** The effect must be this one. */
export const is =
  (effect: Effect): Check =>
  (seen) => {
    if ('effect' in seen && isDeepStrictEqual(seen.effect, effect)) return undefined;
    return `expected ${JSON.stringify(effect)}, saw ${showSeen(seen)}`;
  };

/** Requirement that the outcome must pass. */
export const holds =
  (wanted: string, test: (seen: Seen, place: Place) => boolean): Check =>
  (seen, place) =>
    test(seen, place) ? undefined : `expected ${wanted}, saw ${showSeen(seen)}`;

/** Default answer to a head. */
export const SEEN: Effect = { verdict: 'allow', requestHeaders: ['set x-agent: allow'], tags: ['seen'] };
/** The agent wants the body. */
export const MORE: Effect = { verdict: 'allow', more: true };
/** Allowed, and nothing else. */
export const ALLOW: Effect = { verdict: 'allow' };
/** The verdict on `/block`. */
export const BLOCKED: Effect['verdict'] = {
  block: { body: 'blocked by agent', headers: { 'x-agent': 'block' }, status: 403 },
};
/** The answer to a body with an attack in it. */
export const ATTACK: Effect = { verdict: { block: { body: 'attack in body', status: 403 } } };
const MUTATED: Effect = {
  verdict: 'allow',
  requestHeaders: ['set x-agent-set: 1', 'add x-agent-add: 1', 'add x-agent-add: 2', 'remove x-remove-me'],
  responseHeaders: ['set x-agent-resp: 1'],
  tags: ['mutated'],
  rules: ['r-1'],
  confidence: 0.5,
  reasons: ['TEST'],
  custom: { k: 'v' },
};

const done = holds('no error', (seen) => !('error' in seen));
/** There must be an error, whichever. */
export const gaveUp: Check = holds('an error', (seen) => 'error' in seen);
const connected = holds(
  'a connection that is up',
  (seen) => 'value' in seen && (seen.value as { connected?: boolean }).connected === true,
);
/** Either way to say that the agent could not decide: an error, or the block that stands for it. */
const failed: Check = (seen) => {
  if ('error' in seen && seen.error.startsWith('ERR_HANDLER')) return undefined;
  const verdict = 'effect' in seen ? seen.effect.verdict : undefined;
  const status = (verdict as { block?: { status: number } } | undefined)?.block?.status;
  return status === 500 ? undefined : `expected a block with status 500 or ERR_HANDLER, saw ${showSeen(seen)}`;
};
/** The crate takes an answer to this one, ours only sends it. */
const told = holds('sent, or allowed', (seen) => {
  if ('effect' in seen) return seen.effect.verdict === 'allow';
  return 'value' in seen && (seen.value as { sent?: boolean }).sent === true;
});
const introduced = holds('the reference agent, and events 1 to 6', (seen, { medium }) => {
  if (!('value' in seen)) return false;
  const { agent, events, encoding } = seen.value as { agent: string; events: number[]; encoding: string | null };
  const wanted = [1, 2, 3, 4].every((event) => events.includes(event));
  const spoken = encoding === null || medium === 'grpc' || encoding === medium.slice('uds-'.length);
  return agent === 'reference' && wanted && spoken;
});
const fifty = holds(
  '50 of each',
  (seen) =>
    'value' in seen &&
    isDeepStrictEqual(seen.value, { '/hello: "allow"': 50, [`/block: ${JSON.stringify(BLOCKED)}`]: 50 }),
);

/** Expected outcomes of the steps of a scenario. */
export type Steps = readonly (readonly [step: string, check: Check])[];

const one = (step: string, effect: Effect): Steps => [[step, is(effect)]];
const head = (effect: Effect): Steps => one('request_headers', effect);
const exchange = (first: Effect, request: readonly Effect[], response: Effect, body: readonly Effect[]): Steps => [
  ['request_headers', is(first)],
  ...request.map((effect, index) => [`request_body_chunk ${index}`, is(effect)] as const),
  ['response_headers', is(response)],
  ...body.map((effect, index) => [`response_body_chunk ${index}`, is(effect)] as const),
];
const TRANSFORMED: readonly Effect[] = [MORE, { ...MORE, body: 'drop' }, { ...ALLOW, body: 'CHANGE THIS' }];
const collected = exchange(MORE, [MORE, ATTACK], ALLOW, [ALLOW, ALLOW]);
const transformed = exchange(MORE, TRANSFORMED, MORE, TRANSFORMED);
const large: Steps = [
  ['request_headers', is(MORE)],
  ['request_body_chunk 0', is(ALLOW)],
];
const guarded = (guardrail: string): Steps => one('guardrail_inspect', { ...ALLOW, guardrail });

/** Expected outcomes of every scenario, from the table of the reference agent. */
export const EXPECTED: ReadonlyMap<string, Steps> = new Map<string, Steps>([
  ['handshake', [['handshake', introduced]]],
  ['allow', head(SEEN)],
  ['bare-headers', head(SEEN)],
  ['unicode-headers', head(SEEN)],
  ['block', head({ verdict: BLOCKED })],
  ['redirect', head({ verdict: { redirect: { status: 302, url: 'https://example.test/login' } } })],
  ['challenge', head({ verdict: { challenge: { challenge_type: 'captcha', params: { site_key: 'k1' } } } })],
  ['mutate', exchange(MUTATED, [], { ...ALLOW, responseHeaders: ['set x-agent-resp: 1'] }, [])],
  ['needs-more-attack', collected],
  ['needs-more-clean', exchange(MORE, [MORE, ALLOW], ALLOW, [ALLOW, ALLOW])],
  ['transform', transformed],
  ['binary-needs-more', collected],
  ['binary-transform', transformed],
  ['binary-not-utf8', exchange(MORE, [ATTACK], ALLOW, [ALLOW])],
  ['large-body', large],
  ['huge-body', large],
  ['slow', head(SEEN)],
  [
    'throw',
    [
      ['request_headers', failed],
      ['request_headers after', is(SEEN)],
      ['health after', connected],
    ],
  ],
  ['response-headers', one('response_headers', ALLOW)],
  ['response-418', one('response_headers', { verdict: { block: { status: 502 } } })],
  ['request-complete', [['request_complete', told]]],
  ['request-complete-error', [['request_complete', told]]],
  ['websocket-allow', one('websocket_frame', ALLOW)],
  ['websocket-close', one('websocket_frame', { ...ALLOW, webSocket: 'close 1008 bad word' })],
  ['websocket-drop', one('websocket_frame', { ...ALLOW, webSocket: 'drop' })],
  ['websocket-binary', one('websocket_frame', ALLOW)],
  ['configure-accept', one('configure', ALLOW)],
  ['configure-reject', one('configure', { verdict: { block: { body: 'Configuration rejected', status: 500 } } })],
  [
    'cancel',
    [
      ['request_headers', gaveUp],
      ['cancel', done],
      ['request_headers', is(SEEN)],
    ],
  ],
  [
    'cancel-all',
    [
      ['request_headers 0', gaveUp],
      ['request_headers 1', gaveUp],
      ['cancel_all', done],
    ],
  ],
  ['many-at-once', [['request_headers', fifty]]],
  [
    'ping',
    [
      ['ping', done],
      ['request_headers', is(SEEN)],
    ],
  ],
  [
    'health',
    [
      ['request_headers', is(SEEN)],
      ['health', connected],
    ],
  ],
  ['guardrail-clean', guarded('clean')],
  ['guardrail-detected', guarded('prompt_injection high 0.900')],
  ['guardrail-bare', guarded('clean')],
]);
