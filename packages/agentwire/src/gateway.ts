export * from '@agentwire/gateway';
