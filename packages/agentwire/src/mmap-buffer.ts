export * from '@agentwire/mmap-buffer';
