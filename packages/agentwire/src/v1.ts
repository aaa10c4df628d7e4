export * from '@agentwire/v1';
