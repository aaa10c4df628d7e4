export * from '@agentwire/transport-compliance';
