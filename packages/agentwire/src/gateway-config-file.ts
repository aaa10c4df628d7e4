export * from '@agentwire/gateway/config-file';
