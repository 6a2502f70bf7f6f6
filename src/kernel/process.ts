/** Who a process is, in `started` and terminal messages and in claims. */
export interface ProcessIdentity {
  /** Unique for each start of a process. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
}
