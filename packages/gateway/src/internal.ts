// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { parseHostPort } from './listen.ts';
export { checkHostName } from './admin-host.ts';
export { checkUpstream } from './options/resolve-options.ts';
export {
  UPSTREAM_DISPATCH_LIFECYCLE,
  UpstreamDispatch,
  type UpstreamDispatchState,
} from './upstream/upstream-dispatch.ts';
