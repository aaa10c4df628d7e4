export * from '@agentwire/middleware';
