import type { Skipped } from "../../checkpoints/store.js";
import type { ServedQuality } from "../live/quality.js";
import type { LoadOptions } from "../scorer-options.js";
import type { Current, Host, HostedCheckpoint } from "../threads/host.js";
import type { ModelOrigin } from "./model-origin.js";
import { newestOf, RunWatch, servedOf } from "./watch.js";

/** The model of a checkpoint; of a watched run, that of its newest one. */
export class CheckpointOrigin implements ModelOrigin {
  readonly maxStaleness = Number.POSITIVE_INFINITY;
  readonly replica = null;
  readonly watch: RunWatch | null;
  private readonly host: Host;
  private loaded: HostedCheckpoint;
  private withheld: string | null;

  private constructor(host: Host, loaded: HostedCheckpoint, withheld: string | null, watched: Watched | null) {
    this.host = host;
    this.loaded = loaded;
    this.withheld = withheld;
    this.watch =
      watched && new RunWatch(watched.directory, watched.seen, (path) => this.serve(path), watched.onTrouble);
  }

  /** @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch */
  static async load(host: Host, path: string, { watch = false, onTrouble }: LoadOptions): Promise<CheckpointOrigin> {
    const newest = newestOf(path);
    const from = servedOf(path);
    const loaded = await host.load(from.path);
    const seen = loaded.skipped.length > 0 ? undefined : newest;
    return new CheckpointOrigin(host, loaded, from.held, watch ? { directory: path, seen, onTrouble } : null);
  }

  get current(): Current {
    return this.loaded;
  }

  get passedOver(): readonly Skipped[] {
    return this.loaded.skipped;
  }

  get held(): string | null {
    return this.withheld;
  }

  get quality(): ServedQuality | null {
    return this.loaded.quality;
  }

  /** Serves another checkpoint, or the newest one of a run, in place of the current one. */
  private async serve(path: string): Promise<readonly Skipped[]> {
    const { model } = this.loaded;
    const from = servedOf(path);
    const next = await this.host.load(from.path, model);
    await this.host.between(() => {
      this.loaded = next;
    });
    this.withheld = from.held;
    if (next.model !== model) await model.close();
    return next.skipped;
  }

  async close(): Promise<void> {
    await this.watch?.close();
    await this.loaded.model.close();
  }
}

interface Watched {
  readonly directory: string;
  /** Its newest checkpoint before the served one was opened; undefined: that was passed over, and is looked at again. */
  readonly seen: string | undefined;
  readonly onTrouble: LoadOptions["onTrouble"];
}
