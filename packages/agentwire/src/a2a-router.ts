export * from '@agentwire/a2a-router';
