import { AgentwireError, type Clock } from '@agentwire/core';
import { isLater } from '../gate/judge-answer.ts';
import { type Payload, payloadValue } from '../message/payload.ts';

/**
 * Schema of any library that implements Standard Schema 1, such as zod, valibot or arktype.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult | PromiseLike<SchemaResult>;
  };
}

/** Result of a schema: a value, or the issues that were found. */
export type SchemaResult =
  { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/** One issue; only its path is told on, because a message of a schema may hold the value. */
interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Contract of one method of a service. */
export interface MethodContract {
  /** Schema of what a call carries: the args of a tool call, else the JSON value, text or bytes. Default: anything. */
  readonly args?: StandardSchema | undefined;
  /** Schema of what an answer carries, and of each part of a streamed one. Default: anything. */
  readonly answer?: StandardSchema | undefined;
}

/** Bounds of a check. */
export interface CheckDeps {
  readonly clock: Clock;
  /** Milliseconds that an asynchronous schema may take. */
  readonly timeoutMs: number;
}

const MAX_TOLD = 10;

/**
 * Checks a payload against a schema; `what` names it in the error.
 *
 * @throws `ERR_INVALID_ARGUMENT`, or a promise that rejects with it, when it does not fit. A schema that throws, or is late, is
 * `ERR_HANDLER` or `ERR_TIMEOUT`: what could not be checked is not delivered.
 */
export function checkAgainst(
  schema: StandardSchema,
  payload: Payload,
  what: string,
  deps: CheckDeps,
): void | Promise<void> {
  let result: unknown;
  try {
    result = schema['~standard'].validate(payloadValue(payload));
  } catch (error) {
    throw broken(what, error);
  }
  if (!isLater(result)) {
    judge(result, what, payload);
    return undefined;
  }
  return inTime(Promise.resolve(result), what, payload, deps);
}

/** Throws `ERR_INVALID_ARGUMENT` for something that is no Standard Schema. */
export function checkSchema(name: string, schema: StandardSchema | undefined): void {
  if (schema === undefined) return;
  const standard: unknown = (schema as Partial<StandardSchema> | null)?.['~standard'];
  const { validate } = Object(standard ?? {}) as { readonly validate?: unknown };
  if (typeof validate !== 'function')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a Standard Schema, with ~standard.validate`);
}

function judge(result: unknown, what: string, { kind }: Payload): void {
  const { issues } = Object(result ?? { issues: [] }) as { readonly issues?: unknown };
  if (issues === undefined && typeof result === 'object' && result !== null && 'value' in result) return;
  const paths = Array.isArray(issues) ? issues.slice(0, MAX_TOLD).map((issue) => pathOf(issue)) : [];
  // a payload that fails as a whole is often text where JSON was meant
  const whole = kind === 'text' || kind === 'binary' ? `its payload is ${kind}, not JSON` : '';
  const where = paths.filter((path) => path !== '').join(', ') || whole;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `${what} ${what.startsWith('the arguments') ? 'do' : 'does'} not fit its schema${where === '' ? '' : `: ${where}`}`,
    {
      detail: { paths },
    },
  );
}

function pathOf(issue: unknown): string {
  const { path } = Object(issue ?? {}) as Partial<SchemaIssue>;
  if (!Array.isArray(path)) return '';
  return path
    .slice(0, MAX_TOLD)
    .map((step: PropertyKey | { readonly key: PropertyKey }) =>
      String(typeof step === 'object' ? step.key : step).slice(0, 64),
    )
    .join('.');
}

function broken(what: string, error: unknown): AgentwireError {
  return new AgentwireError('ERR_HANDLER', `the schema of ${what} failed`, { cause: error });
}

function inTime(
  result: Promise<unknown>,
  what: string,
  payload: Payload,
  { clock, timeoutMs }: CheckDeps,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(
      () => reject(new AgentwireError('ERR_TIMEOUT', `the schema of ${what} took more than ${timeoutMs} ms`)),
      timeoutMs,
    );
    result.then(
      (value) => {
        clock.clearTimeout(timer);
        try {
          resolve(judge(value, what, payload));
        } catch (error) {
          reject(error);
        }
      },
      (error: unknown) => {
        clock.clearTimeout(timer);
        reject(broken(what, error));
      },
    );
  });
}
