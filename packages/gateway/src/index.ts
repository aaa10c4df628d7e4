export type { AgentDirectory, AgentOrder, AgentSettings } from '@agentwire/pipeline';
export { type AdminOptions, type AdminReload, type AdminServer, createAdminServer } from './admin-server.ts';
export { type AccessLog, type AccessLogOptions, openAccessLog } from './access-log/access-log.ts';
export type { AccessLogFormat } from './access-log/access-format.ts';
export { openRecording, type Recording } from './record/recording.ts';
export type { RecordingOptions } from './record/recording-options.ts';
export { createGateway, type Gateway, type GatewayStats } from './gateway.ts';
export type { CertificateFiles } from './http2/tls-certificates.ts';
export type { ProxyProtocolOptions } from './proxy-protocol/check-proxy-protocol.ts';
export type { ListenAddress, ListenOptions, ListenTls } from './listen.ts';
export type { Http2Options } from './options/http2-options.ts';
export type { ClientOptions } from './options/client-options.ts';
export type { GatewayOptions, RequestSummary, UnderscoreMode } from './options/gateway-options.ts';
export type { BodyMode } from './options/body-mode.ts';
export type { TrailerMode } from './options/trailer-mode.ts';
export type { RouteOptions } from './routes/route-options.ts';
export type {
  EjectOptions,
  HealthCheckOptions,
  UpstreamConfig,
  UpstreamProtocol,
  UpstreamTarget,
  UpstreamTls,
} from './upstream/upstream-config.ts';
export type { TargetStats } from './upstream/upstream-group.ts';
export type { UpstreamUsage } from './upstream/upstream-messages.ts';
export type { UpstreamOptions } from './options/upstream-options.ts';
