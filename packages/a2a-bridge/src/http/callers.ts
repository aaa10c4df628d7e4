import type { IncomingMessage } from 'node:http';
import type { Caller, ResolvedBridgeOptions } from '../bridge-options.ts';

/** Answer to who a request comes from. */
export type Authenticated =
  | { readonly kind: 'caller'; readonly user: string | undefined; readonly pid: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'undecided' };

type Options = Pick<ResolvedBridgeOptions, 'authenticate' | 'anonymous' | 'authenticateTimeoutMs' | 'clock' | 'logger'>;

const REFUSED: Authenticated = { kind: 'refused' };
const UNDECIDED: Authenticated = { kind: 'undecided' };

/** Finds out who a request comes from; never rejects, and what is not decided is never a caller. */
export async function authenticate(request: IncomingMessage, options: Options): Promise<Authenticated> {
  const { anonymous, logger } = options;
  let caller: Caller | undefined;
  try {
    caller = options.authenticate === undefined ? undefined : await inTime(request, options.authenticate, options);
  } catch (error) {
    logger.error({ error }, 'authenticate failed, so the request was refused');
    return UNDECIDED;
  }
  if (caller === undefined)
    return anonymous === undefined ? REFUSED : { kind: 'caller', user: undefined, pid: anonymous };
  const { user, pid } = Object(caller) as { readonly user?: unknown; readonly pid?: unknown };
  if (
    typeof user === 'string' &&
    user !== '' &&
    user.length <= 256 &&
    typeof pid === 'number' &&
    Number.isSafeInteger(pid) &&
    pid > 0
  )
    return { kind: 'caller', user, pid };
  logger.error(
    {},
    'authenticate gave neither undefined nor { user: 1 to 256 characters, pid }, so the request was refused',
  );
  return UNDECIDED;
}

function inTime(
  request: IncomingMessage,
  decide: NonNullable<Options['authenticate']>,
  { authenticateTimeoutMs, clock }: Options,
): Promise<Caller | undefined> {
  return new Promise((resolve, reject) => {
    const late = new Error(`authenticate took more than ${authenticateTimeoutMs} ms`);
    const timer = clock.setTimeout(() => reject(late), authenticateTimeoutMs);
    const decided = new Promise<Caller | undefined>((done) => done(decide(request)));
    void decided.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}
