// For agentwire's own packages and tests. No promise of stability: any release may change or remove a name without notice.
export { HANDLER_RUN_LIFECYCLE, HandlerRun, type RunHost } from './run/handler-run.ts';
export { withFailureObserver } from './runtime/handler-error.ts';
