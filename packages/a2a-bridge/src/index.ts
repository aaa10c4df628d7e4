export { A2ABridge, createA2ABridge } from './a2a-bridge.ts';
export type { A2ABridgeOptions, BridgeRequest, Caller, SkillText } from './bridge-options.ts';
export type { PushOptions } from './push/push-options.ts';
export { provideRemoteAgent } from './remote/provide-remote-agent.ts';
export { RemoteAgent } from './remote/remote-agent.ts';
export type { RemoteAgentOptions } from './remote/remote-options.ts';
export { inputRequired, progress } from './run/task-signals.ts';
export { KvTaskStore } from './tasks/kv-task-store.ts';
export { MemoryTaskStore } from './tasks/memory-task-store.ts';
