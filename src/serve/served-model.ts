import { HashbrookError } from "../core/errors.js";
import { xxh64 } from "../kernels/hash.js";
import type { Scorer } from "./scorer.js";

/** The labels there are. */
export const labels = ["stable", "canary", "shadow"] as const;
/**
 * What a version is for. `stable` answers; `canary` answers the requests that the split gives it; `shadow` scores what the
 * others answer, and is never answered with.
 */
export type Label = (typeof labels)[number];

/** One version of a model, loaded. */
export interface ServedVersion {
  /** Its model. */
  readonly scorer: Scorer;
  /** Where it came from: a run's directory, a checkpoint, or a delta log. */
  readonly source: string;
}

/** Which version a request asks for; nothing: the split decides by its key. */
export interface Wanted {
  /** The version that has it. */
  readonly label?: Label | undefined;
  /** Examples the version had learned. */
  readonly version?: number | undefined;
  /** Requests of one key are answered by one label: a user, a session; by default the request's id. */
  readonly key?: string | undefined;
}

/** A version, by the examples it had learned; where several specs have that number, with its spec: `"400@eae589de2055a4c8"`. */
export type VersionName = number | string;

/** How a model is served. */
export interface ServedState {
  /** What requests call it. */
  readonly name: string;
  /** The version of each label; null where the label is on none. */
  readonly labels: Readonly<Record<Label, number | null>>;
  /** Share of the keys that `canary` answers. */
  readonly canary_share: number;
  /** The version `rollback` would return to. */
  readonly previous: number | null;
  /** Those that are loaded, oldest first. */
  readonly versions: readonly {
    readonly version: number | null;
    readonly spec_hash: string | null;
    readonly source: string;
    readonly ready: boolean;
    /** Those that are on it. */
    readonly labels: readonly Label[];
    /** Newer checkpoints of its run take its place as they come. */
    readonly follows: boolean;
  }[];
}

const SPLIT_SEED = 0x73706c6974n; // "split"

/** The versions of one model, and which of them answers. */
export class ServedModel {
  /** What requests call it; empty: as its spec says. */
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

  /** What answers, but for the canary's share. */
  get stable(): Scorer {
    return this.byLabel.get("stable")!.scorer;
  }

  /** Scores what others answer; null where no version is labelled so. */
  get shadow(): Scorer | null {
    return this.byLabel.get("shadow")?.scorer ?? null;
  }

  /** The labels that are on a version. */
  get labelled(): readonly (readonly [Label, Scorer])[] {
    return [...this.byLabel].map(([label, { scorer }]) => [label, scorer]);
  }

  /** Of all versions that are loaded. */
  get scorers(): readonly Scorer[] {
    return this.loaded.map(({ scorer }) => scorer);
  }

  /** Every version that may be asked for has a model that is fresh enough. */
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
   * Takes a version; without a label nobody is answered by it yet, unless they ask for it. One that is loaded already, from the same
   * source, takes its own place and keeps its labels.
   * @returns what is to be closed: nobody is answered by it any more
   * @throws HashbrookError request_invalid where another source has given the same version of the same spec: nothing would tell them apart
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
   * Moves labels, and sets the canary's share; all of it or nothing.
   * @param moved the version of each label named; null takes it away (not from `stable`)
   * @throws HashbrookError model_unknown, request_invalid
   */
  relabel(moved: Partial<Record<Label, VersionName | null>>, canaryShare = this.canaryShare): void {
    const places = labels.flatMap((label) => {
      const version = moved[label];
      return version === undefined ? [] : [[label, version === null ? null : this.versionOf(version)] as const];
    });
    if (places.some(([label, to]) => label === "stable" && to === null)) {
      throw new HashbrookError("request_invalid", "stable: must be on a version", { hint: "name another version" });
    }
    for (const [label, to] of places) {
      if (to) this.place(label, to);
      else this.byLabel.delete(label);
    }
    this.canaryShare = canaryShare;
  }

  /**
   * Puts `stable` back on the version it was on before, or has a watched run go back to an earlier checkpoint and stay there.
   * @param version a loaded one, or a checkpoint of the watched run, by the examples it had learned
   * @throws HashbrookError model_unknown where there is none, or it was unloaded; as loading a checkpoint
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
   * Takes a version out; who asked for it before is still answered.
   * @returns what is to be closed
   * @throws HashbrookError model_unknown; request_invalid where it answers requests
   */
  remove(version: VersionName): Scorer {
    const named = this.named(version);
    const free = named.filter((one) => this.labelsOf(one).length === 0);
    const found = this.theOne(free.length > 0 ? free : named, version);
    const held = this.labelsOf(found);
    if (held.length > 0) {
      throw new HashbrookError("request_invalid", `version ${version}: is ${held.join(" and ")}`, {
        hint: "move the label first, with :labels",
      });
    }
    this.loaded = this.loaded.filter((other) => other !== found);
    if (this.previous === found) this.previous = null;
    return found.scorer;
  }

  /** How it is served now. */
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
    throw new HashbrookError("model_unknown", `model ${this.called}: no version is ${label}`, {
      hint: `labels here: ${[...this.byLabel.keys()].join(", ")}`,
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

  /** The newest of versions that go by one name and have one spec. */
  private theOne(versions: readonly ServedVersion[], name: VersionName): ServedVersion {
    const specs = [...new Set(versions.map(({ scorer }) => scorer.version?.spec_hash))];
    if (specs.length < 2) return this.newest(versions, name);
    throw new HashbrookError("request_invalid", `version ${name}: is loaded of ${specs.length} specs`, {
      hint: `say which: ${specs.map((spec) => `"${name}@${spec}"`).join(" or ")}`,
    });
  }

  private newest(versions: readonly ServedVersion[], name: VersionName): ServedVersion {
    const found = versions.at(-1);
    if (found) return found;
    throw this.notLoaded(name);
  }

  private alreadyLoaded({ scorer: { version }, source }: ServedVersion): HashbrookError {
    const text = `version ${version?.version} of spec ${version?.spec_hash}: is loaded already, from ${source}`;
    return new HashbrookError("request_invalid", text, { hint: "take it out first, with :unload" });
  }

  private notLoaded(version: VersionName): HashbrookError {
    const here = this.loaded.map((other) => versionIn(other) ?? "none yet").join(", ");
    return new HashbrookError("model_unknown", `model ${this.called}: version ${version} is not loaded`, {
      hint: `versions here: ${here}`,
    });
  }
}

/** Whether nothing a request can say tells two versions apart. */
function isSame({ scorer: { version: a } }: ServedVersion, { scorer: { version: b } }: ServedVersion): boolean {
  return a !== null && b !== null && a.version === b.version && a.spec_hash === b.spec_hash;
}

const numberOf = (name: VersionName): number => Number(String(name).split("@")[0]);

function versionIn(version: ServedVersion | null | undefined): number | null {
  return version?.scorer.version?.version ?? null;
}

const encoder = new TextEncoder();

/** Where a key lies in [0, 1): the same in every server, whatever its models. */
function placeOf(key: string): number {
  return Number(xxh64(encoder.encode(key), SPLIT_SEED) >> 11n) / 2 ** 53;
}
