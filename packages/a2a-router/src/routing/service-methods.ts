import { AgentwireError } from '@agentwire/core';
import { checkKnownOptions } from '@agentwire/core/internal';
import { checkShortText } from '../message/message-limits.ts';
import { checkSchema, type MethodContract } from './contract.ts';

const MAX_METHODS = 10_000;

/** Methods of a service, and the contracts of those that have one. */
export interface Methods {
  readonly names: readonly string[];
  readonly contracts: ReadonlyMap<string, MethodContract> | undefined;
}

/** Copies the methods that an owner gives. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function copyMethods(methods: readonly string[] | Readonly<Record<string, MethodContract>>): Methods {
  if (typeof methods !== 'object' || (methods as object | null) === null)
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `methods must be a list of at most ${MAX_METHODS} names, or an object`,
    );
  const isList = Array.isArray(methods);
  const names: readonly string[] = isList ? [...(methods as readonly string[])] : Object.keys(methods);
  if (names.length > MAX_METHODS)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `a service has at most ${MAX_METHODS} methods`);
  for (const name of names) checkShortText('a method', name);
  return { names, contracts: isList ? undefined : copyContracts(methods as Readonly<Record<string, MethodContract>>) };
}

function copyContracts(methods: Readonly<Record<string, MethodContract>>): ReadonlyMap<string, MethodContract> {
  const contracts = new Map<string, MethodContract>();
  for (const [name, contract] of Object.entries(methods)) {
    checkKnownOptions(`the contract of ${JSON.stringify(name)}`, contract, ['args', 'answer']);
    checkSchema('args', contract.args);
    checkSchema('answer', contract.answer);
    contracts.set(name, { ...contract });
  }
  return contracts;
}

/** Tells whether methods are those of a service, with the same contracts where they have any. */
export function sameMethods(
  service: { readonly methods: readonly string[] | undefined; readonly contracts: Methods['contracts'] },
  { names, contracts }: Methods,
): boolean {
  const { methods: known } = service;
  if (known === undefined || known.length !== names.length || !names.every((name) => known.includes(name)))
    return false;
  if (contracts === undefined) return true;
  return names.every((name) => {
    const [one, other] = [service.contracts?.get(name), contracts.get(name)];
    return one?.args === other?.args && one?.answer === other?.answer;
  });
}
