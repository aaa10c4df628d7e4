export * from '@agentwire/core';
