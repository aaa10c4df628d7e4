export * from '@agentwire/headers';
