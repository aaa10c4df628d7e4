export * from '@agentwire/pool';
