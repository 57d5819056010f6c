/** Time is passed in, so that everything below the command line can be replayed. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => performance.now() };
