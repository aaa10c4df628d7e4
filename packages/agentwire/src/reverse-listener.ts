export * from '@agentwire/reverse-listener';
