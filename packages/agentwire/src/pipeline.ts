export * from '@agentwire/pipeline';
