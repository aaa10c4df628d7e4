import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import type { Lab } from '../lab.ts';

const ISSUER = 'https://issuer.example';

/** Issuer of tokens, with the keys that it has so far. */
class Issuer {
  readonly published: JWK[] = [];
  fetches = 0;
  up = true;

  async newKey(kid: string): Promise<{ spki: string; sign: Sign }> {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    this.published.push({ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' });
    const sign: Sign = (claims = {}, audience = 'shop') =>
      new SignJWT({ scope: 'read', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid })
        .setIssuer(ISSUER)
        .setAudience(audience)
        .setSubject('ada')
        .setExpirationTime((claims['exp'] as number | undefined) ?? '5 min')
        .sign(privateKey);
    return { spki: await exportSPKI(publicKey), sign };
  }
}
type Sign = (claims?: Record<string, unknown>, audience?: string) => Promise<string>;

/** Good tokens pass with one fetch of the keys, bad ones do not, a new key is found, an issuer that is down is a 503. */
export async function check(lab: Lab): Promise<void> {
  const issuer = new Issuer();
  const first = await issuer.newKey('2026-01');
  const jwks = await lab.serve((_request, response) => {
    issuer.fetches++;
    response.statusCode = issuer.up ? 200 : 500;
    response.end(JSON.stringify({ keys: issuer.published }));
  });
  const env = { JWKS_URL: jwks, JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'shop', JWKS_COOLDOWN_MS: '0' };
  await lab.agent('jwt-auth', env);
  const url = await lab.gateway(
    ({ headers }, response) => {
      response.end([headers['x-user'], headers['x-scope'], headers.authorization ?? 'no token'].join(' '));
    },
    ['jwt-auth'],
  );
  const ask = (token?: string): Promise<Response> =>
    fetch(url, { headers: { 'x-user': 'root', ...(token !== undefined && { authorization: `Bearer ${token}` }) } });

  const token = await first.sign();
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(token)));
  const texts = new Set(await Promise.all(answers.map((answer) => answer.text())));
  lab.say(`20 requests with a good token: ${[...texts].join(', ')}; ${issuer.fetches} fetch of the keys`);
  lab.check('the upstream sees the user, and not the token', [...texts].join() === 'ada read no token');
  lab.check('the keys were fetched once', issuer.fetches === 1);

  const none = await ask();
  lab.say(`no token: ${none.status} ${none.headers.get('www-authenticate')}`);
  lab.check(
    'no token is a challenge',
    none.status === 401 && none.headers.get('www-authenticate') === 'Bearer realm="shop"',
  );
  const confused = new SignJWT({ sub: 'ada' }).setProtectedHeader({ alg: 'HS256', kid: '2026-01' }).setIssuer(ISSUER);
  const bad: Record<string, string> = {
    expired: await first.sign({ exp: 1 }),
    'for another audience': await first.sign({}, 'bank'),
    changed: token.replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"root"}').toString('base64url')}.`),
    'with alg none': new UnsecuredJWT({}).setIssuer(ISSUER).setAudience('shop').setSubject('ada').encode(),
    'signed with the public key as a password': await confused
      .setAudience('shop')
      .setExpirationTime('5 min')
      .sign(Buffer.from(first.spki)),
  };
  for (const [what, text] of Object.entries(bad)) {
    const answer = await ask(text);
    const told = answer.headers.get('www-authenticate') ?? '';
    lab.check(`a token ${what} is refused`, answer.status === 401 && told.includes('error="invalid_token"'));
  }

  const before = issuer.fetches;
  const second = await issuer.newKey('2026-02');
  lab.check('a new key of the issuer is found', (await ask(await second.sign())).status === 200);
  lab.check('with one more fetch', issuer.fetches === before + 1);
  issuer.up = false;
  const third = await issuer.newKey('2026-03');
  lab.check('a key that cannot be fetched is a 503', (await ask(await third.sign())).status === 503);
  lab.check('known keys still do', (await ask(token)).status === 200);
}
