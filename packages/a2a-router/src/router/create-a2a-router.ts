import { CapabilityChecker } from '../process/capability-checker.ts';
import { ProcessTable } from '../process/process-table.ts';
import { ServiceRegistry } from '../routing/service-registry.ts';
import { TopicRouter } from '../routing/topic-router.ts';
import { A2ARouter } from './a2a-router.ts';
import type { A2ARouterOptions } from './router-options.ts';

/** Makes a router with everything that was not given: process table, checker, topics and services. */
export function createA2ARouter(options: A2ARouterOptions = {}): A2ARouter {
  const {
    processTable = new ProcessTable(),
    topicRouter = new TopicRouter(),
    capabilityChecker,
    ...settings
  } = options;
  return new A2ARouter(processTable, capabilityChecker ?? new CapabilityChecker(processTable), topicRouter, {
    serviceRegistry: new ServiceRegistry(),
    ...settings,
  });
}
