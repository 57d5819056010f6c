import { isObject } from "../core/json.js";
import { nearest } from "../core/nearest.js";
import { offsetOf, structOf } from "../kernels/layouts.js";
import { type Format, isDelimited } from "../spec/compiled.js";
import type { ScanKernel } from "./kernel.js";
import type { Places } from "./places.js";
import { shortText } from "./values.js";

/** A column, path or namespace that had the same value in every row so far. */
export interface Constant {
  readonly column: string;
  /** Empty: the value was always missing. */
  readonly value: string;
  /**
   * If nothing was found: the most similar name in the first row, if any; the column itself if it is present, but null
   * or empty.
   */
  readonly near: string | null;
}

/** Observations about the rows accepted so far. */
export interface Findings {
  readonly constants: readonly Constant[];
  /** Some texts of labels, as written. */
  readonly labels: readonly string[];
}

const MOST_LABELS = 3;
const MOST_LOOKS = 1000;
const NEWLINE = 10;
const MOST_FIRST_BYTES = 64 << 10;

/**
 * Observes rows at hardly any cost: the kernel reports values that never vary (struct Watch), and a few values are read
 * here.
 */
export class Sampler {
  private readonly memory: WebAssembly.Memory;
  private readonly kernel: ScanKernel;
  private readonly places: Places;
  private readonly format: Format;
  private readonly labelSlot: number | null;
  private readonly values = new Map<number, string>();
  private readonly labels = new Set<string>();
  private looks = 0;
  private first: string | undefined;

  /** @param label where the label is; null: there is none */
  constructor(memory: WebAssembly.Memory, kernel: ScanKernel, places: Places, label: string | null, format: Format) {
    this.memory = memory;
    this.kernel = kernel;
    this.places = places;
    this.format = format;
    this.labelSlot = label === null ? null : places.slot(label, "text");
  }

  /** Keeps the first row, which begins at `at`. */
  begin(at: number, end: number): void {
    if (this.first !== undefined || isDelimited(this.format)) return;
    const bytes = new Uint8Array(this.memory.buffer, at, Math.min(end - at, MOST_FIRST_BYTES));
    const newline = bytes.indexOf(NEWLINE);
    this.first = Buffer.from(newline < 0 ? bytes : bytes.subarray(0, newline)).toString();
  }

  /** Call while the slots hold the row accepted last. */
  look(): void {
    if (this.looks === MOST_LOOKS) return;
    if (this.looks++ === 0) for (const slot of this.watched()) this.values.set(slot, this.textOf(slot));
    if (this.labelSlot !== null && this.labels.size < MOST_LABELS) this.labels.add(this.textOf(this.labelSlot));
  }

  findings(): Findings {
    const constants = [...this.watched()].map((slot): Constant => {
      const value = this.values.get(slot) ?? "";
      const column = this.places.nameOf(slot);
      return { column, value, near: value === "" ? this.near(column) : null };
    });
    return { constants, labels: [...this.labels] };
  }

  /** The most similar name to a missing member's; a member that is present and null needs none. */
  private near(column: string): string | null {
    const members = this.members();
    return members.includes(column) ? column : (nearest(column, members) ?? null);
  }

  private *watched(): Generator<number> {
    const view = new DataView(this.memory.buffer);
    const bytes = structOf("scan", "Watch").size;
    const slot = offsetOf("scan", "Watch", "slot");
    const end = this.kernel.getWatchesEnd() >>> 0;
    for (let at = this.kernel.getWatches() >>> 0; at < end; at += bytes) yield view.getUint32(at + slot, true);
  }

  private textOf(slot: number): string {
    return shortText(this.memory.buffer, slot) ?? "";
  }

  /** Paths of the first row, or its namespaces. */
  private members(): string[] {
    const first = this.first ?? "";
    if (this.format === "vw") return [...first.matchAll(/\|([^\s:|]+)/g)].map(([, name]) => name);
    if (this.format !== "json") return [];
    try {
      return [...leafPaths(JSON.parse(first))];
    } catch {
      return [];
    }
  }
}

function* leafPaths(value: unknown, path = ""): Generator<string> {
  if (!isObject(value)) yield path;
  else for (const [name, inner] of Object.entries(value)) yield* leafPaths(inner, path ? `${path}.${name}` : name);
}
