export * from '@agentwire/transport-memory';
