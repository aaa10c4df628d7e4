export * from '@agentwire/transport-uds';
