export * from '@agentwire/metrics';
