export * from '@agentwire/transport-framed';
