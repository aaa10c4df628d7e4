export type { ManualClock } from '@agentwire/core/testing';
export { type LogLine, testAgent, type TestAgentOptions, TestedAgent } from './tested-agent.ts';
export type { ReplayOptions, ReplayResult } from './replay-recording.ts';
export type {
  Phase,
  RequestBodyMode,
  TestBody,
  TestDecision,
  TestMessage,
  TestRequest,
  TestResponse,
  TestResult,
} from './test-request.ts';
