import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { servedInstead } from "../../checkpoints/gate-file.js";
import { MANIFEST } from "../../checkpoints/manifest.js";
import { examplesOf, newestFirst } from "../../checkpoints/names.js";
import type { Skipped } from "../../checkpoints/store.js";
import { HashbrookError } from "../../core/errors.js";
import { nodeFiles } from "../../core/files.js";
import { Told } from "../../core/told.js";

const LOOK_MS = 1000;
/** Delay after a checkpoint that could not be used, which may just have been replaced or removed. */
const RETRY_LOOKS = 10;
/** Looks after which a run without a checkpoint is gone, and not just being replaced. */
const GONE_LOOKS = 5;

/** What to serve of a run whose newest checkpoints are withheld, and why; else the path itself. */
export function servedOf(path: string): { readonly path: string; readonly held: string | null } {
  const instead = servedInstead(nodeFiles, path);
  return instead ? { path: instead.path, held: instead.text } : { path, held: null };
}

/**
 * The newest checkpoint of a run that should be served; undefined if there is none, or the directory is a single
 * checkpoint.
 */
export function newestOf(directory: string): string | undefined {
  try {
    const instead = servedInstead(nodeFiles, directory);
    if (instead) return `${instead.path} ${instead.text}`;
    for (const name of newestFirst(readdirSync(directory))) {
      const manifest = statSync(join(directory, name, MANIFEST), { throwIfNoEntry: false });
      if (manifest) return `${name} ${manifest.mtimeMs} ${manifest.ino}`;
    }
  } catch {
    // It may come back.
  }
  return undefined;
}

/** Names, sizes and times of the files of a run's checkpoints, which change while one is copied; undefined: it is gone. */
function filesOf(directory: string): string | undefined {
  try {
    const paths = newestFirst(readdirSync(directory)).map((name) => join(directory, name));
    const files = paths.flatMap((path) => readdirSync(path).map((file) => join(path, file)));
    return files.map((file) => [file, statSync(file).size, statSync(file).mtimeMs].join(" ")).join("\n");
  } catch {
    return undefined;
  }
}

/** The checkpoints of a run, newest first. */
function checkpointsOf(directory: string): { readonly path: string; readonly version: number }[] {
  const names = newestFirst(readdirSync(directory));
  return names.map((name) => ({ path: join(directory, name), version: examplesOf(name)! }));
}

/** Looks for a run's new checkpoints once a second, unless it was rolled back. */
export class RunWatch {
  private readonly directory: string;
  private readonly serve: (path: string) => Promise<readonly Skipped[]>;
  private seen: string | undefined;
  private looks = 0;
  private last: Promise<void> = Promise.resolve();
  private readonly timer: NodeJS.Timeout;
  private busy = false;
  private held = false;
  /** Looks in a row that found no checkpoint. */
  private missed = 0;
  private reason: string | null = null;
  /** The run's files when its newest checkpoint was passed over, and at the last look since; null: it was not. */
  private passedOver: { readonly files: string | undefined; last: string | undefined } | null = null;
  private readonly told: Told;

  /**
   * @param seen the directory's newest checkpoint before the one that is served was opened: one that came while that was
   *   being loaded is newer
   * @param serve serves the newest checkpoint of a directory, or one checkpoint; if the newest fails it is called again
   *   ten seconds later
   * @param onTrouble called once with each reason why the newest checkpoint is not served, until it is
   */
  constructor(
    directory: string,
    seen: string | undefined,
    serve: (path: string) => Promise<readonly Skipped[]>,
    onTrouble?: (reason: string) => void,
  ) {
    this.directory = directory;
    this.seen = seen;
    this.serve = serve;
    this.told = new Told(onTrouble);
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  /** Newer checkpoints are served as they appear. */
  get follows(): boolean {
    return !this.held;
  }

  /** Why the run's newest checkpoint could not be looked for or served; null: it could. */
  get trouble(): string | null {
    return this.reason;
  }

  /**
   * Serves an earlier checkpoint of the run, and stays there until `goOn`.
   * @param version examples it had learned; undefined: the newest before `before`
   * @throws HashbrookError model_unknown naming the available versions; as loading a checkpoint
   */
  goTo(version: number | undefined, before: number): Promise<void> {
    return this.inTurn(async () => {
      const all = checkpointsOf(this.directory);
      const found = all.find((one) => (version === undefined ? one.version < before : one.version === version));
      if (!found) throw noCheckpoint(version, all);
      await this.serve(found.path);
      this.held = true;
      this.settle();
    });
  }

  /** Serves the newest checkpoint, and newer ones as they appear. */
  goOn(): Promise<void> {
    return this.inTurn(async () => {
      this.held = false;
      await this.serveNewest(newestOf(this.directory));
    });
  }

  /** Stops watching, and waits for what is in progress. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.last;
  }

  private look(): void {
    if (this.busy || this.held || ++this.looks < 0) return;
    const newest = newestOf(this.directory);
    this.missed = newest === undefined ? this.missed + 1 : 0;
    if (this.missed === GONE_LOOKS) this.fail("there is no checkpoint any more");
    if (newest === this.seen) this.settle();
    if (newest === undefined || (newest === this.seen && !this.isComplete())) return;
    this.busy = true;
    const used = this.inTurn(async () => {
      if (!this.held) await this.serveNewest(newest);
    });
    void used
      .catch((error: unknown) => {
        this.looks = -RETRY_LOOKS;
        this.fail(error instanceof Error ? error.message : String(error));
      })
      .finally(() => {
        this.busy = false;
      });
  }

  /** Whether the files have changed since the newest checkpoint was passed over, and change no more: it was copied. */
  private isComplete(): boolean {
    if (this.passedOver === null) return false;
    const { files, last } = this.passedOver;
    this.passedOver.last = filesOf(this.directory);
    return this.passedOver.last === last && last !== files;
  }

  private async serveNewest(newest: string | undefined): Promise<void> {
    const files = filesOf(this.directory);
    const skipped = await this.serve(this.directory);
    this.seen = newest;
    this.passedOver = skipped.length > 0 ? { files, last: files } : null;
    this.settle();
    for (const { reason } of skipped) this.told.tell(reason);
  }

  private fail(reason: string): void {
    this.reason = reason;
    this.told.tell(reason);
  }

  private settle(): void {
    if (this.reason !== null) this.told.clear();
    this.reason = null;
  }

  private inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.last.then(step);
    this.last = done.catch(() => undefined);
    return done;
  }
}

function noCheckpoint(version: number | undefined, all: readonly { readonly version: number }[]): HashbrookError {
  const here = all.map((one) => one.version).join(", ");
  const what = version === undefined ? "there is no earlier checkpoint" : `no checkpoint of ${version} examples`;
  return new HashbrookError("model_unknown", what, { hint: `checkpoints of the run: ${here || "none"}` });
}
