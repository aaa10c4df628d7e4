export * from '@agentwire/transport-websocket';
