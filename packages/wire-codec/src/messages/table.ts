import type { MessageType } from '@agentwire/core';

import { answer, bodyMutationMessage } from './answer.ts';
import { configUpdateRequest } from './config-update.ts';
import { configure } from './configure.ts';
import { cancel, cancelAll, configUpdateResponse, drain, log, ping, pong, shutdown } from './control-mappings.ts';
import {
  guardrailInspect,
  requestBodyChunk,
  requestComplete,
  responseBodyChunk,
  responseHeaders,
  webSocketFrame,
} from './event-mappings.ts';
import { flowControl } from './flow-control.ts';
import type { MessageMapping } from './message-mapping.ts';
import { healthStatus, metricsReport } from './report-mappings.ts';
import { requestHeaders } from './request-headers.ts';

/** The mapping of every message. */
export const MAPPINGS: { readonly [T in MessageType]: MessageMapping<T> } = {
  requestHeaders,
  requestBodyChunk,
  responseHeaders,
  responseBodyChunk,
  requestComplete,
  webSocketFrame,
  guardrailInspect,
  configure,
  answer,
  bodyMutation: bodyMutationMessage,
  cancel,
  cancelAll,
  ping,
  pong,
  drain,
  shutdown,
  healthStatus,
  metricsReport,
  configUpdateRequest,
  configUpdateResponse,
  flowControl,
  log,
};
