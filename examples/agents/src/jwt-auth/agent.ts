// Bearer tokens: JWTs, checked with the keys that the issuer publishes (JWKS), which are fetched when needed and kept.
import { type Agent, type AgentDecision, allow, block, challenge, defineAgent } from 'agentwire';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

const env = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`set ${name}`);
  return value;
};

const issuer = env('JWT_ISSUER');
const audience = env('JWT_AUDIENCE');

const keys = createRemoteJWKSet(new URL(env('JWKS_URL')), {
  timeoutDuration: 2_000,
  cacheMaxAge: 600_000,
  // a token with an unknown key makes it fetch again, but not more often than this: anyone can send such a token
  cooldownDuration: Number(process.env['JWKS_COOLDOWN_MS'] ?? 30_000),
});

/** Signatures that are accepted. With a public key, no HMAC: else the key would serve as a password that everyone knows. */
const algorithms = ['ES256', 'EdDSA', 'RS256'];

const refuse = (error: string): AgentDecision =>
  challenge('Bearer', { realm: audience, ...(error !== '' && { error }) })
    .withTag('jwt')
    .withReason(error || 'no_token');
const NO_TOKEN = refuse('').freeze();
const INVALID = refuse('invalid_token').freeze();
const UNAVAILABLE = block(503, 'Try again.\n').withTag('jwt').withReason('jwks_unavailable').freeze();

/** Errors of fetching the keys; every other error of jose is about the token. */
const KEY_ERRORS = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);
const isAboutToken = (error: unknown): boolean => error instanceof errors.JOSEError && !KEY_ERRORS.has(error.code);

const jwtAuth: Agent = defineAgent({
  name: 'jwt-auth',
  version: '1.0.0',
  async onRequestHeaders(request, context) {
    const [, token] = /^Bearer +([\w.-]+)$/i.exec(request.headers.get('authorization') ?? '') ?? [];
    if (token === undefined) return NO_TOKEN;
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        requiredClaims: ['exp', 'sub'],
      });
      // set takes out what the client has sent under these names
      return allow()
        .setRequestHeader('x-user', encodeURIComponent(payload.sub ?? ''))
        .setRequestHeader('x-scope', typeof payload['scope'] === 'string' ? payload['scope'] : '')
        .removeRequestHeader('authorization');
    } catch (error) {
      if (isAboutToken(error)) return INVALID;
      context.logger.warn({ err: error }, 'the keys of the issuer cannot be fetched');
      return UNAVAILABLE;
    }
  },
});

export default jwtAuth;
