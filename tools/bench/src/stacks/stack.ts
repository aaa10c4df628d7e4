/** The asking end of a stack. */
export interface StackClient {
  /** Asks about one request and resolves to its answer. @param n number of the question; the same in every run */
  readonly ask: (n: number) => Promise<unknown>;
  close(): Promise<void>;
}

/** The answering end of a stack. */
export interface StackServer {
  /** Arguments of {@link Stack.connect}. */
  readonly address: string;
  close(): Promise<void>;
}

/** Two ends that carry the workload's requests and their answers; each end runs in a process of its own. */
export interface Stack {
  readonly name: string;
  /** Address; `memory` stays in the calling process. */
  readonly place: 'uds' | 'tcp' | 'memory';
  /** Begins to listen. @param where `unix:PATH` or `127.0.0.1:0` */
  serve(where: string): Promise<StackServer>;
  /** Connects. @param inFlight how many questions there will be at a time */
  connect(address: string, inFlight: number): Promise<StackClient>;
}
