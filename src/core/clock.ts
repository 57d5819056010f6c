/** Time is passed in, so that everything below the command line can be replayed. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
}

/** Milliseconds since the epoch, for what is compared with event times. */
export const wallTime = (): number => Date.now();

export const systemClock: Clock = { now: () => performance.now() };
