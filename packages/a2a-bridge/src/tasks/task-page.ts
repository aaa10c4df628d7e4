import { type ListTasksRequest, type ListTasksResponse, type Task, TaskState } from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';

/** One page of an owner's tasks, latest first. @throws `RequestMalformedError` for a token that is none */
export function taskPage(all: readonly Task[], params: ListTasksRequest): ListTasksResponse {
  const { contextId, status, statusTimestampAfter, pageToken } = params;
  const after = statusTimestampAfter === undefined ? undefined : Date.parse(statusTimestampAfter);
  const matching = all
    .filter(
      (task) =>
        (contextId === '' || task.contextId === contextId) &&
        (status === undefined || status === TaskState.TASK_STATE_UNSPECIFIED || task.status?.state === status) &&
        (after === undefined || Date.parse(timeOf(task)) > after),
    )
    .toSorted((one, other) => timeOf(other).localeCompare(timeOf(one)) || other.id.localeCompare(one.id));
  const start = pageToken === '' ? 0 : placeAfter(matching, pageToken);
  const pageSize = params.pageSize ?? 50;
  const page = matching.slice(start, start + pageSize);
  const last = page.at(-1);
  return {
    tasks: params.includeArtifacts === true ? page : page.map((task) => ({ ...task, artifacts: [] })),
    nextPageToken: last !== undefined && start + page.length < matching.length ? tokenOf(last) : '',
    pageSize,
    totalSize: matching.length,
  };
}

const timeOf = (task: Task): string => task.status?.timestamp ?? '';
const tokenOf = (task: Task): string => Buffer.from(`${timeOf(task)}|${task.id}`).toString('base64url');

/** Place of the first task that sorts behind a token, which may name a task that is gone or has moved. */
function placeAfter(tasks: readonly Task[], token: string): number {
  const [time, id] = Buffer.from(token, 'base64url').toString().split('|');
  if (time === undefined || id === undefined) throw new RequestMalformedError('pageToken is none of this agent');
  const place = tasks.findIndex((task) => timeOf(task) < time || (timeOf(task) === time && task.id < id));
  return place === -1 ? tasks.length : place;
}
