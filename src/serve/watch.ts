import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { MANIFEST } from "../checkpoints/manifest.js";
import { newestFirst } from "../checkpoints/names.js";

const LOOK_MS = 1000;
/** After a checkpoint that could not be used, which may just have been replaced or removed. */
const RETRY_LOOKS = 10;

/** Which checkpoint of a run is the newest; undefined where there is none, or the directory is one checkpoint. */
function newestOf(directory: string): string | undefined {
  try {
    for (const name of newestFirst(readdirSync(directory))) {
      const manifest = statSync(join(directory, name, MANIFEST), { throwIfNoEntry: false });
      if (manifest) return `${name} ${manifest.mtimeMs} ${manifest.ino}`;
    }
  } catch {
    // It may come back.
  }
  return undefined;
}

/** Looks for a run's new checkpoints once a second. */
export class RunWatch {
  private readonly directory: string;
  private readonly onNew: () => Promise<void>;
  private seen: string | undefined;
  private looks = 0;
  private working: Promise<void> = Promise.resolve();
  private readonly timer: NodeJS.Timeout;
  private busy = false;

  /** @param onNew uses the newest checkpoint; where it fails it is called again ten seconds later */
  constructor(directory: string, onNew: () => Promise<void>) {
    this.directory = directory;
    this.onNew = onNew;
    this.seen = newestOf(directory);
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  /** Looks no more, and waits for what is under way. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.working;
  }

  private look(): void {
    if (this.busy || ++this.looks < 0) return;
    const newest = newestOf(this.directory);
    if (newest === undefined || newest === this.seen) return;
    this.busy = true;
    this.working = this.use(newest);
  }

  private async use(newest: string): Promise<void> {
    try {
      await this.onNew();
      this.seen = newest;
    } catch {
      this.looks = -RETRY_LOOKS;
    } finally {
      this.busy = false;
    }
  }
}
