import { type ListTasksRequest, type ListTasksResponse, type Task, TaskState } from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';
import { decodeTask } from './task-limits.ts';

/** Facts of a task by which lists are filtered and sorted. */
export interface TaskHead {
  readonly id: string;
  readonly contextId: string;
  readonly state: TaskState | undefined;
  /** Time of its last state, ISO 8601. */
  readonly time: string;
}

/** Bytes of kept tasks after which a page ends: what one call reads, and answers, stays bounded. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** Facts of a task. */
export function headOf({ id, contextId, status }: Task): TaskHead {
  return { id, contextId, state: status?.state, time: status?.timestamp ?? '' };
}

/**
 * Makes one page of an owner's tasks, latest first; one that has read 8 MiB ends early and has a token for the next.
 *
 * `read` gives what is kept of a task, undefined for one that is gone. @throws `RequestMalformedError` for a token that is none
 */
export async function taskPage(
  all: readonly TaskHead[],
  params: ListTasksRequest,
  read: (id: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>,
): Promise<ListTasksResponse> {
  const { contextId, status, statusTimestampAfter, pageToken, includeArtifacts } = params;
  const after = statusTimestampAfter === undefined ? undefined : Date.parse(statusTimestampAfter);
  const matching = all
    .filter(
      ({ contextId: context, state, time }) =>
        (contextId === '' || context === contextId) &&
        (status === undefined || status === TaskState.TASK_STATE_UNSPECIFIED || state === status) &&
        (after === undefined || Date.parse(time) > after),
    )
    .toSorted((one, other) => other.time.localeCompare(one.time) || other.id.localeCompare(one.id));
  const start = pageToken === '' ? 0 : placeAfter(matching, pageToken);
  const pageSize = params.pageSize ?? 50;
  const tasks: Task[] = [];
  let next = start;
  for (let bytes = 0; next < matching.length && next < start + pageSize && bytes < MAX_PAGE_BYTES; next += 1) {
    const kept = await read(matching[next]?.id ?? '');
    if (kept === undefined) continue;
    bytes += kept.length;
    const task = decodeTask(kept);
    tasks.push(includeArtifacts === true ? task : { ...task, artifacts: [] });
  }
  const last = matching[next - 1];
  return {
    tasks,
    nextPageToken: last !== undefined && next < matching.length ? tokenOf(last) : '',
    pageSize,
    totalSize: matching.length,
  };
}

const tokenOf = ({ time, id }: TaskHead): string => Buffer.from(`${time}|${id}`).toString('base64url');

/** Place of the first task that sorts behind a token, which may name a task that is gone or has moved. */
function placeAfter(tasks: readonly TaskHead[], token: string): number {
  const [time, id] = Buffer.from(token, 'base64url').toString().split('|');
  if (time === undefined || id === undefined) throw new RequestMalformedError('pageToken is none of this agent');
  const place = tasks.findIndex((task) => task.time < time || (task.time === time && task.id < id));
  return place === -1 ? tasks.length : place;
}
