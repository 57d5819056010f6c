// The linear part beside a model that learns event by event. Its table is another instance of this module, with its own
// memory and the same events; a model adds its part of an event's logit, and passes the logit's gradient to it.

/** True if there is a wide part. */
export let wide: bool = false;

export function setWide(given: bool): void {
  wide = given;
}

/** The other instance's `beginLinear`, `readLinear` and `learnLinear`. */
@external("env", "beginWide")
export declare function beginWide(rows: u32, learning: bool): bool;
@external("env", "readWide")
export declare function readWide(r: u32, learning: bool): f32;
@external("env", "learnWide")
export declare function learnWide(g: f32): bool;
