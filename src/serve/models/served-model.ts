import { HashbrookError } from "../../core/errors.js";
import { xxh64 } from "../../kernels/hash.js";
import type { Scorer } from "../scorer.js";

/** All labels. */
export const labels = ["stable", "canary", "shadow"] as const;
/**
 * The role of a version. `stable` answers; `canary` answers the requests assigned to it by the split; `shadow` scores
 * requests that were answered by others, and its scores are never returned.
 */
export type Label = (typeof labels)[number];

/** A loaded version of a model. */
export interface ServedVersion {
  /** Its model. */
  readonly scorer: Scorer;
  /** Its origin: a run's directory, a checkpoint, or a delta log. */
  readonly source: string;
}

/** The version requested; if empty, the split decides by the key. */
export interface Wanted {
  /** The version with this label. */
  readonly label?: Label | undefined;
  /** Examples the version had learned. */
  readonly version?: VersionName | undefined;
  /**
   * Key of the split: requests with the same key (a user, a session) are answered by the same label. Default: the
   * request's id.
   */
  readonly key?: string | undefined;
}

/**
 * A version, by the examples it had learned; with its spec if several specs have that number: `"400@eae589de2055a4c8"`.
 */
export type VersionName = number | string;

/** The serving state of a model. */
export interface ServedState {
  /** Its name in requests. */
  readonly name: string;
  /** The version of each label; null if no version has the label. */
  readonly labels: Readonly<Record<Label, number | null>>;
  /** Share of keys answered by `canary`. */
  readonly canary_share: number;
  /** The version to which `rollback` would return. */
  readonly previous: number | null;
  /** The loaded versions, oldest first. */
  readonly versions: readonly {
    readonly version: number | null;
    readonly spec_hash: string | null;
    readonly source: string;
    readonly ready: boolean;
    /** Labels of the version. */
    readonly labels: readonly Label[];
    /** Newer checkpoints of its run replace it as they appear. */
    readonly follows: boolean;
  }[];
}

const SPLIT_SEED = 0x73706c6974n; // "split"

/** The versions of one model, and their labels. */
export class ServedModel {
  /** Its name in requests; empty: the spec's. */
  readonly name: string;
  private loaded: ServedVersion[] = [];
  private readonly byLabel = new Map<Label, ServedVersion>();
  private previous: ServedVersion | null = null;
  private canaryShare = 0;

  constructor(name: string, stable: ServedVersion) {
    this.name = name;
    this.loaded.push(stable);
    this.byLabel.set("stable", stable);
  }

  /** `name`, or the spec's; empty before a first snapshot. */
  get called(): string {
    return this.name || (this.stable.version?.model ?? "");
  }

  /** The version that answers all requests except the canary's. */
  get stable(): Scorer {
    return this.byLabel.get("stable")!.scorer;
  }

  /** The version that scores requests answered by others; null if none has this label. */
  get shadow(): Scorer | null {
    return this.byLabel.get("shadow")?.scorer ?? null;
  }

  /** The labels and their versions. */
  get labelled(): readonly (readonly [Label, Scorer])[] {
    return [...this.byLabel].map(([label, { scorer }]) => [label, scorer]);
  }

  /** The scorers of all loaded versions. */
  get scorers(): readonly Scorer[] {
    return this.loaded.map(({ scorer }) => scorer);
  }

  /** True if every labelled version has a model that is fresh enough. */
  get ready(): boolean {
    return [...this.byLabel.values()].every(({ scorer }) => scorer.health().ready);
  }

  /**
   * The version that answers a request.
   * @throws HashbrookError model_unknown
   */
  choose({ label, version, key }: Wanted = {}): Scorer {
    if (label !== undefined) return this.labelOf(label).scorer;
    if (version !== undefined) return this.newest(this.named(version), version).scorer;
    const canary = this.byLabel.get("canary");
    if (!canary || key === undefined || placeOf(key) >= this.canaryShare) return this.stable;
    return canary.scorer;
  }

  /**
   * Adds a version. Without a label it answers only requests that name it. A version loaded before from the same source
   * is replaced, and its labels are kept.
   * @returns the scorer to close, which no longer answers requests
   * @throws HashbrookError request_invalid if another source has the same version of the same spec, since nothing would
   *   distinguish them
   */
  add(added: ServedVersion, label?: Label): Scorer | null {
    const same = this.loaded.find((other) => isSame(other, added));
    if (same && same.source !== added.source) throw this.alreadyLoaded(same);
    const kept = same?.scorer.follows ? same : added;
    this.loaded = same ? this.loaded.map((other) => (other === same ? kept : other)) : [...this.loaded, kept];
    for (const [held, version] of this.byLabel) if (version === same) this.byLabel.set(held, kept);
    if (same && this.previous === same) this.previous = kept;
    if (label) this.place(label, kept);
    return same ? (kept === same ? added : same).scorer : null;
  }

  /**
   * Moves labels and sets the canary's share, atomically.
   * @param moved the version for each label; null removes the label (not `stable`)
   * @throws HashbrookError model_unknown, request_invalid
   */
  relabel(moved: Partial<Record<Label, VersionName | null>>, canaryShare = this.canaryShare): void {
    const places = labels.flatMap((label) => {
      const version = moved[label];
      return version === undefined ? [] : [[label, version === null ? null : this.versionOf(version)] as const];
    });
    if (places.some(([label, to]) => label === "stable" && to === null)) {
      throw new HashbrookError("request_invalid", "stable: cannot be removed", {
        hint: "move the label to another version",
      });
    }
    for (const [label, to] of places) {
      if (to) this.place(label, to);
      else this.byLabel.delete(label);
    }
    this.canaryShare = canaryShare;
  }

  /**
   * Returns `stable` to its previous version, or a watched run to an earlier checkpoint, where it stays.
   * @param version a loaded one, or a checkpoint of the watched run, by the examples it had learned
   * @throws HashbrookError model_unknown if there is none, or it was unloaded; as loading a checkpoint
   */
  async rollback(version?: VersionName): Promise<void> {
    const { stable } = this;
    const named = version === undefined ? [] : this.named(version);
    const others = named.filter(({ scorer }) => scorer !== stable);
    const loaded = others.length > 0 ? this.theOne(others, version!) : version === undefined ? this.previous : null;
    if (loaded) return this.place("stable", loaded);
    if (stable.watches) return stable.goBack(version === undefined ? version : numberOf(version));
    if (named.length > 0) return;
    if (version !== undefined) throw this.notLoaded(version);
    throw new HashbrookError("model_unknown", `model ${this.called}: has no previous version`, {
      hint: "load one with :load, then move the label with :labels",
    });
  }

  /**
   * Removes a version; requests in progress are still answered.
   * @returns the scorer to close
   * @throws HashbrookError model_unknown; request_invalid if it has a label
   */
  remove(version: VersionName): Scorer {
    const named = this.named(version);
    const free = named.filter((one) => this.labelsOf(one).length === 0);
    const found = this.theOne(free.length > 0 ? free : named, version);
    const held = this.labelsOf(found);
    if (held.length > 0) {
      throw new HashbrookError("request_invalid", `version ${version}: is labelled ${held.join(" and ")}`, {
        hint: "move the label first, with :labels",
      });
    }
    this.loaded = this.loaded.filter((other) => other !== found);
    if (this.previous === found) this.previous = null;
    return found.scorer;
  }

  /** Its current serving state. */
  state(): ServedState {
    const versionAt = (label: Label) => versionIn(this.byLabel.get(label));
    return {
      name: this.called,
      labels: { stable: versionAt("stable"), canary: versionAt("canary"), shadow: versionAt("shadow") },
      canary_share: this.canaryShare,
      previous: versionIn(this.previous),
      versions: this.loaded.map((one) => ({
        version: one.scorer.version?.version ?? null,
        spec_hash: one.scorer.version?.spec_hash ?? null,
        source: one.source,
        ready: one.scorer.health().ready,
        labels: this.labelsOf(one),
        follows: one.scorer.follows,
      })),
    };
  }

  private labelsOf(version: ServedVersion): Label[] {
    return labels.filter((label) => this.byLabel.get(label) === version);
  }

  private place(label: Label, to: ServedVersion): void {
    const before = this.byLabel.get(label);
    if (label === "stable" && before && before !== to) this.previous = before;
    this.byLabel.set(label, to);
  }

  private labelOf(label: Label): ServedVersion {
    const found = this.byLabel.get(label);
    if (found) return found;
    throw new HashbrookError("model_unknown", `model ${this.called}: no version is labelled ${label}`, {
      hint: `labels in use: ${[...this.byLabel.keys()].join(", ")}`,
    });
  }

  private named(name: VersionName): ServedVersion[] {
    const [number, spec] = String(name).split("@");
    return this.loaded.filter(({ scorer: { version } }) => {
      return version && String(version.version) === number && (spec ?? version.spec_hash) === version.spec_hash;
    });
  }

  private versionOf(name: VersionName): ServedVersion {
    return this.theOne(this.named(name), name);
  }

  /** The newest of several versions with the same name and spec. */
  private theOne(versions: readonly ServedVersion[], name: VersionName): ServedVersion {
    const specs = [...new Set(versions.map(({ scorer }) => scorer.version?.spec_hash))];
    if (specs.length < 2) return this.newest(versions, name);
    throw new HashbrookError(
      "request_invalid",
      `version ${name}: is ambiguous: it is loaded from ${specs.length} specs`,
      {
        hint: `name the spec too: ${specs.map((spec) => `"${name}@${spec}"`).join(" or ")}`,
      },
    );
  }

  private newest(versions: readonly ServedVersion[], name: VersionName): ServedVersion {
    const found = versions.at(-1);
    if (found) return found;
    throw this.notLoaded(name);
  }

  private alreadyLoaded({ scorer: { version }, source }: ServedVersion): HashbrookError {
    const text = `version ${version?.version} of spec ${version?.spec_hash}: is already loaded, from ${source}`;
    return new HashbrookError("request_invalid", text, { hint: "unload it first, with :unload" });
  }

  private notLoaded(version: VersionName): HashbrookError {
    const here = this.loaded.map((other) => versionIn(other) ?? "none yet").join(", ");
    return new HashbrookError("model_unknown", `model ${this.called}: version ${version} is not loaded`, {
      hint: `loaded versions: ${here}`,
    });
  }
}

/** True if no request can distinguish two versions. */
function isSame({ scorer: { version: a } }: ServedVersion, { scorer: { version: b } }: ServedVersion): boolean {
  return a !== null && b !== null && a.version === b.version && a.spec_hash === b.spec_hash;
}

const numberOf = (name: VersionName): number => Number(String(name).split("@")[0]);

function versionIn(version: ServedVersion | null | undefined): number | null {
  return version?.scorer.version?.version ?? null;
}

const encoder = new TextEncoder();

/** Position of a key in [0, 1): the same on every server, whatever its models. */
function placeOf(key: string): number {
  return Number(xxh64(encoder.encode(key), SPLIT_SEED) >> 11n) / 2 ** 53;
}
