import type { Logger } from '@agentwire/core';
import type { AgentNotice } from '@agentwire/core/session';

/** Logs what an agent said of itself: its own log lines as they are, anything else by its name. */
export function logNotice(logger: Logger, agent: string, notice: AgentNotice): void {
  if (notice.type === 'log') logger[notice.level]({ ...notice.fields, agent }, notice.message);
  else if (notice.type !== 'metricsReport') logger.info({ agent, notice: notice.type }, 'an agent sent a notice');
}
