/** Time is passed in, so that everything below the command line can be replayed. */
export interface Clock {
  /** Milliseconds; monotonic for `systemClock`. */
  now(): number;
}

/**
 * Milliseconds since the epoch, for comparison with times of events and machines; never for anything that is learned.
 */
export const wallTime = (): number => Date.now();

export const systemClock: Clock = { now: () => performance.now() };

/** A time (milliseconds since 1970) in UTC, to the second: `2024-05-31 23:59:59`. */
export const dateText = (time: number): string => new Date(time).toISOString().replace("T", " ").replace(/\..*/, "");

/** A time (milliseconds since 1970) in UTC, to the millisecond: `2024-05-31T23:59:59.000Z`. */
export const isoText = (time: number): string => new Date(time).toISOString();
