import { grouped } from "../../core/digits.js";
import { LargeSet } from "../../core/large-map.js";
import { itemTexts, type KeptValue } from "../../decode/kept-rows.js";
import { fieldOf } from "../../fields/index.js";
import { type CompiledField, type Format, hasFeatures } from "../../spec/compiled.js";
import type { Warning } from "../metrics/report.js";
import { isSet, isSetByPositives } from "./leak.js";

/** Statistics of one field in the first events. */
export interface FieldCheck {
  /** As the spec names it. */
  readonly name: string;
  /** Column, path or namespace it is read from. */
  readonly from: string;
  /** As the spec says: categorical, numeric, … */
  readonly type: string;
  /** Share of the events that have a value, 0 to 1. */
  readonly present: number;
  /** Distinct values (items of a bag). */
  readonly distinct: number;
  /** The first distinct values, as written. */
  readonly examples: readonly string[];
  /** Smallest number (for a vector, of all components); null if values are not numbers. */
  readonly min: number | null;
  /** The largest, likewise. */
  readonly max: number | null;
  /** Their mean, likewise. */
  readonly mean: number | null;
}

export type SourceField = Extract<CompiledField, { from: string }>;

const EXAMPLES = 3;

/** Collects statistics of one field. */
export class FieldStats {
  private readonly field: SourceField;
  private readonly format: Format;
  private readonly values = new LargeSet<string>();
  private rows = 0;
  private positives = 0;
  private present = 0;
  private set = 0;
  private setPositives = 0;
  private numbers = 0;
  private sum = 0;
  private min = Number.POSITIVE_INFINITY;
  private max = Number.NEGATIVE_INFINITY;

  constructor(field: SourceField, format: Format) {
    this.field = field;
    this.format = format;
  }

  /** @param positive the event's label; false if it is not known */
  add(value: KeptValue, positive: boolean): void {
    const items = this.itemsOf(value).filter((item) => item !== "");
    this.rows++;
    if (positive) this.positives++;
    if (items.length > 0) this.present++;
    if (items.some(isSet)) {
      this.set++;
      if (positive) this.setPositives++;
    }
    for (const item of items) {
      this.values.add(item);
      if (this.isNumber) this.addNumber(Number(item));
    }
  }

  result(): FieldCheck {
    const { name, from, type } = this.field;
    const any = this.numbers > 0;
    return {
      name,
      from,
      type: fieldOf(type).writtenAs ?? type,
      present: this.rows > 0 ? this.present / this.rows : 0,
      distinct: this.values.size,
      examples: [...this.values].slice(0, EXAMPLES),
      min: any ? this.min : null,
      max: any ? this.max : null,
      mean: any ? this.sum / this.numbers : null,
    };
  }

  /** A warning if the field seems to be known only after the click. */
  get leak(): Warning | undefined {
    const { rows, positives, set, setPositives } = this;
    const { name, from } = this.field;
    if (!isSetByPositives({ rows, positives, set, setPositives })) return undefined;
    const rate = `${((100 * positives) / rows).toPrecision(3)} % of all are`;
    return {
      code: "label_leak",
      field: name,
      message: `${from === name ? name : `${name} (${from})`}: set in ${grouped(set)} events, ${set === setPositives ? "all" : grouped(setPositives)} of them positive, while ${rate}`,
      hint: "if it is known only after the click, take it out of the fields: requests to score do not have it, and the figures of training do not hold for them",
    };
  }

  private get isNumber(): boolean {
    return fieldOf(this.field.type).numeric === true;
  }

  private addNumber(x: number): void {
    if (!Number.isFinite(x)) return;
    this.numbers++;
    this.sum += x;
    this.min = Math.min(this.min, x);
    this.max = Math.max(this.max, x);
  }

  /** The texts that are hashed, or parsed as numbers. */
  private itemsOf({ kind, text }: KeptValue): string[] {
    const { field } = this;
    const many = "separator" in field;
    if (kind === "missing") return [];
    if (hasFeatures(this.format)) return featuresOf(text, many, this.isNumber);
    if (!many) return [text];
    if (kind !== "json") return text.split(field.separator);
    return itemTexts(text);
  }
}

/** A namespace's features: their names, or their numbers. */
function featuresOf(text: string, many: boolean, numbers: boolean): string[] {
  const features = text.split(/[ \t]+/).map((feature) => {
    const colon = feature.indexOf(":");
    return colon < 0 ? feature : numbers ? feature.slice(colon + 1) : feature.slice(0, colon);
  });
  return many ? features : features.slice(0, 1);
}
