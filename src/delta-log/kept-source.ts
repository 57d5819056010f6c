import type { Delivery, DeltaSource, FollowFrom } from "./delta-log.js";
import type { Frame } from "./frame.js";
import { readKept } from "./kept-frame.js";

/**
 * A delta log whose follower has stored a state of it: that state is delivered first, once, followed by the log after
 * it.
 */
export class KeptSource implements DeltaSource {
  private readonly log: DeltaSource;
  private kept: Frame | null;

  constructor(log: DeltaSource, kept: Frame | null) {
    this.log = log;
    this.kept = kept;
  }

  async *follow(from: FollowFrom, signal: AbortSignal): AsyncGenerator<Delivery> {
    const { kept: frame } = this;
    this.kept = null;
    const after = frame && readKept(frame);
    if (!after || !from.accepts(after)) return yield* this.log.follow(from, signal);
    yield { type: "frame", frame };
    yield* this.log.follow(goingOn(from, after), signal);
  }

  close(): Promise<void> {
    return this.log.close();
  }
}

/** The same follower, after receiving the stored state. */
function goingOn(from: FollowFrom, after: FollowFrom["after"]): FollowFrom {
  return {
    after,
    accepts: (snapshot) => from.accepts(snapshot),
    get run() {
      return from.run;
    },
    get missing() {
      return from.missing;
    },
  };
}
