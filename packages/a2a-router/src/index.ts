export { canonicalJson } from './chain/canonical-json.ts';
export { type ChainEvent, formatHead, ZERO_HASH } from './chain/chain-event.ts';
export { payloadHash } from './chain/chain-format.ts';
export { ChainManager, createChain } from './chain/chain-manager.ts';
export {
  CHAIN_DEFAULTS,
  type ChainOptions,
  type ResolvedChainOptions,
  resolveChainOptions,
} from './chain/chain-options.ts';
export {
  type ChainAlgorithm,
  type ChainScheme,
  type ChainSchemeOptions,
  createChainScheme,
  type SignedPlace,
} from './chain/chain-scheme.ts';
export { parseHead } from './chain/chain-verifier.ts';
export {
  type ChainKey,
  type ChainReport,
  readChainKey,
  verifyChainFile,
  type VerifyChainOptions,
} from './chain/verify-chain-file.ts';
export { createCapabilityGate } from './gate/capability-gate.ts';
export { composeGates } from './gate/compose-gates.ts';
export { type GateBackend, type GateContext, type GateDecision, gateDecision } from './gate/gate.ts';
export {
  type DeadLetter,
  type DeadLetterQuery,
  type DeadLetterReason,
  DeadLetters,
  type DeadLettersOptions,
} from './inbox/dead-letters.ts';
export {
  INBOX_DEFAULTS,
  type InboxOptions,
  type ResolvedInboxOptions,
  resolveInboxOptions,
} from './inbox/inbox-options.ts';
export { Inbox, type InboxHooks, type OfferOutcome, type ReceiveOptions } from './inbox/inbox.ts';
export { ReceivedMessage } from './inbox/received-message.ts';
export type { Replier } from './inbox/reply-channel.ts';
export type { Reply } from './inbox/reply.ts';
export { SeenKeys } from './inbox/seen-keys.ts';
export { createMessageId } from './message/message-id.ts';
export {
  messageFromJson,
  messageToJson,
  payloadFromJson,
  payloadToJson,
  targetFromJson,
  targetToJson,
} from './message/message-json.ts';
export { createMessage, type KernelMessage, type MessageOptions } from './message/message.ts';
export { payloadType } from './message/payload-type.ts';
export { type JsonValue, type Payload, payload, type PayloadKind } from './message/payload.ts';
export { describeTarget, type Target, target, type TargetKind } from './message/target.ts';
export {
  type AgentCapabilities,
  CAPABILITY_DEFAULTS,
  type IpcScope,
  resolveCapabilities,
  scope,
} from './process/capabilities.ts';
export { CapabilityChecker, mayReachProcess, mayUseTopic, type ScopeHolder } from './process/capability-checker.ts';
export { KERNEL_PID, type Pid } from './process/pid.ts';
export { ProcessLinks } from './process/process-links.ts';
export { canMove, PROCESS_STATES, type ProcessState } from './process/process-state.ts';
export {
  type ProcessEntry,
  type ProcessSpec,
  ProcessTable,
  type ProcessTableOptions,
} from './process/process-table.ts';
export { A2ARouter } from './router/a2a-router.ts';
export { AnswerStream, type StreamOptions } from './router/answer-stream.ts';
export type { SubscribeOptions } from './router/subscribe-options.ts';
export { createA2ARouter } from './router/create-a2a-router.ts';
export { payloadDigest } from './router/audit.ts';
export { A2AEndpoint, type EndpointRouter } from './router/endpoint.ts';
export type { Admission, RemoteBackend, RemoteDelivery, RemoteHost, RemoteReply } from './router/remote-backend.ts';
export type { RequestManyOptions, RequestOptions } from './router/request.ts';
export {
  A2A_ROUTER_DEFAULTS,
  type A2ARouterOptions,
  type ResolvedRouterSettings,
  resolveRouterSettings,
  type RouterSettings,
} from './router/router-options.ts';
export type { Interceptor } from './router/interceptors.ts';
export type { MessageHandler, ServeOptions } from './router/serve.ts';
export type { Rejection, SendReport } from './router/send-report.ts';
export type { MethodContract, SchemaIssue, SchemaResult, StandardSchema } from './routing/contract.ts';
export {
  type ServiceEntry,
  type ServiceOptions,
  ServiceRegistry,
  type ServiceRegistryOptions,
} from './routing/service-registry.ts';
export { type About, copyAbout } from './routing/service-about.ts';
export type { TopicKeeping } from './routing/topic-history.ts';
export { checkPattern, checkTopic, hasWildcard, patternCovers, topicMatches } from './routing/topic-pattern.ts';
export { TopicRouter, type TopicRouterOptions } from './routing/topic-router.ts';
export { createSupervisor, type SupervisedChild, Supervisor } from './supervision/supervisor.ts';
export type { ChildSpec, RestartPolicy, SupervisorOptions } from './supervision/supervisor-options.ts';
