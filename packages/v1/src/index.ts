export * from './client/agent-client.ts';
export * from './wire/event-types.ts';
export * from './wire/version-one.ts';
