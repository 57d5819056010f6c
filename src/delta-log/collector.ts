import { type EntryPart, linkOf } from "./entry.js";
import type { Envelope } from "./frame.js";

/** An entry with all its parts. */
export interface WholeEntry extends Envelope {
  readonly number: number;
  readonly version: number;
  readonly parts: readonly EntryPart[];
  readonly times: readonly number[];
  /** Why changes since then are withheld; null: they are not. */
  readonly held: string | null;
  /** The link of the previous entry. */
  readonly previous: string;
  /** Its own link. */
  readonly link: string;
}

/** Most incomplete entries at a time; the oldest is dropped. */
const OPEN = 64;

/** Collects the parts of deltas, in any order, until an entry is complete. */
export class Collector {
  private readonly open = new Map<string, Map<number, EntryPart>>();

  /** The entry, if this was its last missing part. */
  add(part: EntryPart, { epoch, sent }: Envelope): WholeEntry | null {
    const { number, version } = part;
    const key = `${number}/${epoch}/${part.parts}/${version}`;
    const parts = this.open.get(key) ?? new Map<number, EntryPart>();
    this.open.set(key, parts);
    parts.set(part.part, part);
    if (parts.size < part.parts) {
      if (this.open.size > OPEN) this.open.delete(this.open.keys().next().value!);
      return null;
    }
    this.open.delete(key);
    const ordered = [...parts.values()].sort((a, b) => a.part - b.part);
    const link = linkOf(ordered.map(({ checksum }) => checksum));
    return {
      epoch,
      sent,
      number,
      version,
      parts: ordered,
      times: ordered[0].times,
      held: ordered[0].held ?? null,
      previous: ordered[0].link,
      link,
    };
  }
}
