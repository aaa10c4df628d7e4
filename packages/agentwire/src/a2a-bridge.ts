export * from '@agentwire/a2a-bridge';
