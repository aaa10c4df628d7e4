export * from './outbox/outbox.ts';
