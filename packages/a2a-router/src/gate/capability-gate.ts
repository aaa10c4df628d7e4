import type { ProcessTable } from '../process/process-table.ts';
import { gateDecision, type GateBackend } from './gate.ts';

/** Makes a gate that asks the process table alone: tool calls need `canExecTools`, everything else `canIpc`. */
export function createCapabilityGate(table: ProcessTable): GateBackend {
  return {
    check: (agentId, action, context) => {
      const capabilities = table.get(context.from)?.capabilities;
      if (capabilities === undefined) return gateDecision.deny(`no process has pid ${context.from}`);
      const allowed = action.startsWith('tool.') ? capabilities.canExecTools : capabilities.canIpc;
      return allowed ? gateDecision.permit : gateDecision.deny(`${agentId} lacks the capability for ${action}`);
    },
  };
}
