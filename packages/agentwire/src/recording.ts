export * from '@agentwire/recording';
