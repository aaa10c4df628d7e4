export * from '@agentwire/transport-grpc';
