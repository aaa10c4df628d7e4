// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { guarded } from './guarded.ts';
export { MAX_FILE_BYTES, readFile } from './read-file.ts';
export { listenOn, parseHostPort } from './listen.ts';
export { checkHostName } from './admin-host.ts';
export { checkProxyProtocol } from './proxy-protocol/check-proxy-protocol.ts';
export { unconnected } from './admin-server.ts';
export { checkUpstream } from './options/gateway-rows.ts';
export {
  UPSTREAM_DISPATCH_LIFECYCLE,
  UpstreamDispatch,
  type UpstreamDispatchState,
} from './upstream/upstream-dispatch.ts';
export { TARGET_SESSION_LIFECYCLE, TargetSession, type TargetSessionState } from './upstream/http2/target-session.ts';
