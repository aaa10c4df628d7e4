export * from '@agentwire/wire-codec';
