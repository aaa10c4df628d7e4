export * from './compliance-case.ts';
export * from './feature.ts';
export * from './list-cases.ts';
export * from './run-case.ts';
export * from './test-transport.ts';
export * from './transport-under-test.ts';
export type { Kit, Pair, PairOptions } from './kit/kit.ts';
export { Side } from './kit/side.ts';
