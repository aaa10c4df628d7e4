export * from '@agentwire/core/session';
