import { AgentwireError, type Clock, type Credential, type Logger } from '@agentwire/core';
import { markLogged, printable } from '@agentwire/core/internal';
import { certificateNames } from './certificate-names.ts';
import { idMatcher } from './id-pattern.ts';
import { KnownTokens } from './known-tokens.ts';
import type { ReverseConnectionConfig } from './options.ts';
import { Refusals } from './refusals.ts';

/** Check of who registers: ids, tokens, certificates, and the delay of refusals. */
export class RegistrationCheck {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #tokens: KnownTokens | undefined;
  readonly #verifyToken: ReverseConnectionConfig['verifyToken'];
  readonly #certificateIds: boolean;
  readonly #isAllowed: (id: string) => boolean;
  readonly #needsProof: boolean;
  readonly #refusals: Refusals;
  /** Times at which registrations came whose agents have not been told of their refusal. */
  readonly #since = new WeakMap<AgentwireError, number>();

  constructor(config: ReverseConnectionConfig, clock: Clock, logger: Logger) {
    const { tokens, verifyToken, allowedAgents, certificateIds, requireAuth } = config;
    this.#clock = clock;
    this.#logger = logger;
    this.#tokens = tokens && new KnownTokens(tokens);
    this.#verifyToken = verifyToken;
    this.#certificateIds = certificateIds === true;
    this.#isAllowed = allowedAgents === undefined ? () => true : idMatcher(allowedAgents);
    this.#needsProof = requireAuth ?? (tokens !== undefined || verifyToken !== undefined);
    this.#refusals = new Refusals(clock, config.refusalDelayMs ?? 100, (config.handshakeTimeoutMs ?? 10_000) / 2);
  }

  /** Checks an agent's id and credential. @throws AgentwireError `ERR_UNAUTHORIZED`, the same for whatever is wrong */
  async authorize(id: string, credential: Credential, signal: AbortSignal): Promise<void> {
    const since = this.#clock.now();
    // everything is checked whatever fails first, so that a refusal's duration tells nothing
    const allowed = this.#isAllowed(id) && printable(id) === id;
    const proven = await this.#isProven(id, credential, signal);
    const named = !this.#certificateIds || certificateNames(credential.certificate).has(id);
    if (allowed && proven && named) return;
    const { address } = credential;
    const reasons = [
      !allowed &&
        'no agent of this id may register here (allowedAgents; of a gateway: an agent of that name with endpoint reverse, --agent NAME=reverse)',
      !proven && 'its token is not valid for this id (tokens, verifyToken; of a gateway: tokenFile, --token-file)',
      !named && 'its certificate does not name this id (certificateIds; of a gateway: tls.ca, --tls-ca)',
    ].filter((reason) => reason !== false);
    this.#logger.warn({ agent: printable(id), address }, `a registration was refused: ${reasons.join(', ')}`);
    const refusal = new AgentwireError('ERR_UNAUTHORIZED', 'this agent may not register here: wrong id or credential');
    this.#since.set(markLogged(refusal), since);
    throw refusal;
  }

  /** Returns how long a peer waits for its refusal; logs it where that was not done, because it never came to {@link authorize}. */
  delayMs(refusal: AgentwireError, address: string | undefined): number {
    const since = this.#since.get(refusal);
    if (since === undefined) {
      this.#logger.warn({ code: refusal.code, address }, `a peer did not register: ${printable(refusal.message)}`);
      markLogged(refusal);
    }
    return this.#refusals.delayMs(address, since ?? this.#clock.now());
  }

  async #isProven(id: string, { token, certificate, address }: Credential, signal: AbortSignal): Promise<boolean> {
    const known = this.#tokens?.prove(id, token) ?? false;
    const verifyToken = this.#verifyToken;
    if (verifyToken === undefined) return known || !this.#needsProof;
    try {
      // a JavaScript function may resolve with anything
      const verified: unknown = await verifyToken(id, token ?? '', { certificate, address, signal });
      return verified === true || known;
    } catch (error) {
      this.#logger.warn({ agent: printable(id), err: error }, 'verifyToken failed');
      return known;
    }
  }
}
