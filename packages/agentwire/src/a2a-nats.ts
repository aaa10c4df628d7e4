export * from '@agentwire/a2a-nats';
