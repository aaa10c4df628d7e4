export type { BodyFilter } from './body/body-filter.ts';
export type { BodyProgress } from './body/judged-body.ts';
export type { JudgedHead } from './head/judge-request.ts';
export { Pipeline } from './pipeline.ts';
export {
  type AgentDirectory,
  type AgentOrder,
  type AgentSettings,
  type PipelineOptions,
  type ResolvedPipelineOptions,
  resolvePipelineOptions,
} from './pipeline-options.ts';
export { Refusal } from './refusal.ts';
