export type { CheckResult } from './check.ts';
export { checkAgent, type CheckAgentOptions } from './check-agent.ts';
export { checkProxy, type CheckProxyOptions } from './check-proxy.ts';
export { type CheckInfo, listChecks } from './list-checks.ts';
export type { ConformOptions, ConformTls } from './options.ts';
export type { ConformReport } from './report.ts';
export type { ProtocolForm } from './wire/wire.ts';
