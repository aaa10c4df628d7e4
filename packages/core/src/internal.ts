// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { delay } from './clock.ts';
export { containRejection } from './contain-rejection.ts';
export { containedAbortController } from './contained-abort.ts';
export { PROTOCOL_VERSION } from './contract/negotiate.ts';
export { capabilitiesOf } from './contract/capabilities.ts';
export { CONNECTION_LIFECYCLE, DeliveredBytes } from './contract/connection-base.ts';
export { MAX_SOCKET_PATH_BYTES } from './contract/endpoint.ts';
export { agentIdOf, isAgentwire, type Quirk } from './contract/peer.ts';
export { isReleasedProxy, isThirdPartyZentinel, zentinelQuirks } from './contract/released-proxy.ts';
export { isToken, MAX_TOKEN_LENGTH } from './contract/token.ts';
export { type ListenLimits, resolveConnectOptions, resolveListenLimits } from './contract/transport-options.ts';
export { printable, printableJson, printableList, printableStart } from './errors.ts';
export { freeMemory, freeMessage, markMessage } from './free-memory.ts';
export { type GivenSocket, givenSocket, giveSocket, listenKey, type ListenPlace } from './given-sockets.ts';
export { atMost, IdleWaiters } from './idle-waiters.ts';
export { LinkedList, type ListEntry } from './linked-list.ts';
export type { Lifecycle } from './lifecycle.ts';
export { createLineLogger, type LineLoggerOptions, stderrLogger } from './line-logger.ts';
export { isLogged, type LogMethod, markLogged, safeLogger, silentLogger } from './logger.ts';
export { checkDecision, checkDecisionField, CheckedDecision, checkReceivedDecision } from './message/check-decision.ts';
export { checkHeaderLines, checkOneValueAName } from './message/check-verdict.ts';
export { checkRequestLine } from './message/check-head.ts';
export { checkEventType, completeEvent } from './message/complete-event.ts';
export { asReceived, checkSendable } from './message/check-message.ts';
export type { LoadReport, ResourceReport } from './message/control.ts';
export type { BlockVerdict, ChallengeVerdict, RedirectVerdict } from './message/decision.ts';
export { type DecisionFields, fieldsOf, type HeaderOpFields } from './message/decision-fields.ts';
export type { InspectionType } from './message/events.ts';
export { deepFreeze, isDeepFrozen } from './message/deep-freeze.ts';
export { badHeaderValueIndex, isValidHeaderName, isValidHeaderValue } from './message/header-syntax.ts';
export { isAmbiguousPath, plainPath } from './message/request-path.ts';
export { nearVaryWord } from './message/vary-names.ts';
export { INSTANCE_METRIC, instanceOf, type MetricHandle, type MetricLabels } from './metrics-recorder.ts';
export { described, type OptionSchema, schemaOf, tableSchema } from './option-schema.ts';
export {
  checkOptions,
  OPTION,
  type OptionCheck,
  type OptionRow,
  type OptionRows,
  type OptionTable,
  type Resolved,
  resolveOptions,
  resolveTypes,
} from './option-table.ts';
export {
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkKnownOptions,
  checkLogger,
  chosenLogger,
  checkMethods,
  checkNumber,
  checkObject,
  checkOneOf,
  checkText,
} from './options.ts';
export { LineBudget } from './line-budget.ts';
export { countAllRepeats, countRepeats, dropRepeats, everyLine } from './repeated-lines.ts';
export { Sweep } from './sweep.ts';
export { connectReason, listenError } from './system-errors.ts';
export { readTraceparent } from './traceparent.ts';
export { SafeHandle, SafeRecorder } from './safe-recorder.ts';
export { CheckedSpan, SafeSpan, SafeTracer, type SpanAttributes } from './tracer.ts';
