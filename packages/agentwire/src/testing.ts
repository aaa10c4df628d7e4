export * from '@agentwire/testing';
