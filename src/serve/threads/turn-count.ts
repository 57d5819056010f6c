/**
 * Counts the calls a scoring thread was given and has begun, so that it notices during a turn whether another one
 * waits.
 */
export class TurnCount {
  /** To be passed to the thread. */
  readonly memory: SharedArrayBuffer;
  private readonly given: Int32Array;
  private begun = 0;

  constructor(memory = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.given = new Int32Array(memory);
  }

  /** Call before sending a call. */
  give(): void {
    Atomics.add(this.given, 0, 1);
  }

  /** In the thread: a call has arrived. */
  begin(): void {
    this.begun = (this.begun + 1) | 0;
  }

  /** In the thread: whether another call was sent that has not arrived. */
  get waiting(): boolean {
    return Atomics.load(this.given, 0) !== this.begun;
  }
}
