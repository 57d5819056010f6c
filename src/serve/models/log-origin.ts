import { wallTime } from "../../core/clock.js";
import type { DeltaSource } from "../../delta-log/delta-log.js";
import { KeptSource } from "../../delta-log/kept-source.js";
import { Replica, type ReplicaStatus } from "../../delta-log/replica.js";
import { ageAt } from "../../delta-log/times.js";
import type { FollowOptions } from "../scorer-options.js";
import type { Current, Host, HostedModel } from "../threads/host.js";
import type { ModelOrigin } from "./model-origin.js";
import { isOfLog } from "./stored-model.js";

/** A model that follows a delta log. Entries are applied between two runs. */
export class LogOrigin implements ModelOrigin {
  readonly passedOver = [];
  readonly quality = null;
  readonly watch = null;
  readonly maxStaleness: number;
  private readonly source: DeltaSource;
  private readonly log: Replica<HostedModel>;
  private readonly stop = new AbortController();
  private readonly following: Promise<void>;

  constructor(host: Host, source: DeltaSource, options: FollowOptions) {
    const { onVisible, onTrouble, rowStore, maxStaleness = Number.POSITIVE_INFINITY } = options;
    const kept = rowStore?.kept;
    this.maxStaleness = maxStaleness;
    this.source = source;
    this.log = new Replica<HostedModel>({
      source: new KeptSource(source, kept && isOfLog(kept) ? kept.frame : null),
      open: (...snapshot) => host.open(...snapshot),
      exclusive: (step) => host.between(step),
      now: wallTime,
      onApplied: (times) => onVisible?.(times.map((time) => ageAt(wallTime(), time))),
      onTrouble,
    });
    this.following = this.log.follow(this.stop.signal);
  }

  get current(): Current | null {
    const { live } = this.log;
    return live && { model: live.model, examples: live.version };
  }

  get replica(): ReplicaStatus {
    return this.log.status();
  }

  get held(): string | null {
    return this.replica.held;
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.following;
    await this.log.close();
    await this.source.close();
  }
}
