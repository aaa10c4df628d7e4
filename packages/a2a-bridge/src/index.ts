export { A2ABridge, createA2ABridge, type ListenOptions } from './a2a-bridge.ts';
export type { A2ABridgeOptions, BridgeRequest, Caller, SkillText } from './bridge-options.ts';
export type { PushOptions } from './push/push-options.ts';
export { inputRequired, progress } from './run/task-signals.ts';
export { type KeyValueBucket, KvTaskStore, type KvTaskStoreOptions } from './tasks/kv-task-store.ts';
export { MemoryTaskStore, type MemoryTaskStoreOptions } from './tasks/memory-task-store.ts';
export type { BoundedTaskStore, TaskLimits } from './tasks/task-limits.ts';
export { provideRemoteAgent, RemoteAgent } from './remote/remote-agent.ts';
export type { RemoteAgentOptions } from './remote/remote-options.ts';
