export type { BodyFilter } from './body/body-filter.ts';
export { type BodyProgress, type JudgedHead, Pipeline } from './pipeline.ts';
export {
  type AgentDirectory,
  type AgentOrder,
  type AgentSettings,
  type PipelineOptions,
  type ResolvedPipelineOptions,
  resolvePipelineOptions,
} from './pipeline-options.ts';
export { Refusal } from './refusal.ts';
