export { AgentClient, type SendEventOptions } from './client/agent-client.ts';
export { AGENT_CLIENT_DEFAULTS, type AgentClientOptions } from './client/options.ts';
export { versionOne } from './wire/version-one.ts';
