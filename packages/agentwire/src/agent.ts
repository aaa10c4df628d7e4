export * from '@agentwire/agent';
