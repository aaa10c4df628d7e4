export { arrivesIn, type ArrivesAs } from './arrives-in.ts';
export type { ComplianceCase } from './compliance-case.ts';
export { KIT_FEATURES, type KitFeature, type KitFeatures } from './feature.ts';
export { listCases } from './list-cases.ts';
export { runCase } from './run-case.ts';
export { testTransport } from './test-transport.ts';
export type { CreateContext, KitRunner, KitTest, TransportUnderTest } from './transport-under-test.ts';
