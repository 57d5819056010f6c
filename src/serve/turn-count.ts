/** How many calls a scoring thread was given and how many it has begun, so that it sees amid a turn whether another one waits. */
export class TurnCount {
  /** To be handed to the thread. */
  readonly memory: SharedArrayBuffer;
  private readonly given: Int32Array;
  private begun = 0;

  constructor(memory = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.given = new Int32Array(memory);
  }

  /** A call is about to be sent. */
  give(): void {
    Atomics.add(this.given, 0, 1);
  }

  /** In the thread: a call has come. */
  begin(): void {
    this.begun = (this.begun + 1) | 0;
  }

  /** In the thread: another call was sent, and has not come. */
  get waiting(): boolean {
    return Atomics.load(this.given, 0) !== this.begun;
  }
}
