import { systemClock } from "../core/clock.js";

/** Nothing ever changes here. */
const still = new Int32Array(new SharedArrayBuffer(4));

/**
 * The same things, with a rest before each: others who want the processor have it meanwhile. The thread waits; it is not for one that others wait for.
 * @param share how long a rest is, in times of the work before it
 */
export function* withRests<T>(all: Iterable<T>, share: number): Generator<T> {
  let began = systemClock.now();
  for (const one of all) {
    Atomics.wait(still, 0, 0, share * (systemClock.now() - began));
    began = systemClock.now();
    yield one;
  }
}
