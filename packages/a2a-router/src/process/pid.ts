/** A process id: a positive integer; 0 is the kernel. */
export type Pid = number;

/** The pid of the kernel, which always exists and may do everything. */
export const KERNEL_PID: Pid = 0;
