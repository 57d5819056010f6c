import { grouped } from "../../core/digits.js";
import { HashbrookError } from "../../core/errors.js";
import { type Cut, cutOf } from "../../sources/files/cut.js";
import { changed, parseFingerprint } from "../../sources/files/fingerprint.js";
import type { Input } from "../../sources/reader.js";
import { isBinary } from "../../spec/compiled.js";
import type { FilePosition, Job } from "../job.js";
import type { KnownFile } from "../metrics/report.js";
import { type FileBegin, START } from "../stream.js";
import type { StreamStart } from "../workers/thread-messages.js";
import {
  decodeLearned,
  encodeLearned,
  Heads,
  hasMore,
  type LearnedFile,
  learnedOf,
  remember,
  without,
} from "./learned-files.js";
import { NEW_PASS, type Pass } from "./pass.js";
import { withQuotedRows } from "./quoted-rows.js";

type Start = Pick<StreamStart, "position" | "pass" | "fingerprints" | "learned" | "examples">;

/** Which files a run learns, and from where on. */
export interface Plan {
  readonly inputs: readonly Input[];
  readonly pass: Pass;
  readonly start: FilePosition;
  /** Fingerprints of the files begun before. */
  readonly fingerprints: readonly string[];
  /** Records of files in earlier lists, for the checkpoint. */
  readonly learned: readonly string[];
  /** The list differs from the checkpoint's. */
  readonly fresh: boolean;
  /** Known files that are skipped, or continued. */
  readonly known: readonly KnownFile[];
  /** Files of the previous list that were not learned to their end and are not given now. */
  readonly left: readonly KnownFile[];
}

/**
 * Decides what to learn of the given files. A run's first list is learned completely. An interrupted list is continued.
 * Of another list, what was learned before is left out: files are recognised by their content, whatever their names.
 * @throws already_learned when a list of earlier files contains nothing new; source_changed
 */
export function planFiles(job: Job, inputs: readonly Input[], start: Start): Promise<Plan> {
  return new Planner(job, inputs, start).plan();
}

/** Where the held-out part of `inputs` begins; null: none is held out. */
export async function heldOutCut(
  { validateLast, spec }: Job,
  inputs: readonly Input[],
  begins: Readonly<Record<number, FileBegin>>,
): Promise<Cut | null> {
  if (validateLast === null) return null;
  const unknown = isBinary(spec.events.format) && inputs.find(({ rowFrom }) => rowFrom === undefined);
  if (unknown) throw noLines(unknown);
  const offsets = inputs.map((_, i) => begins[i]?.offset ?? 0);
  const rows = spec.events.format === "csv" ? inputs.map((input) => withQuotedRows(input, spec)) : inputs;
  return cutOf(rows, validateLast, offsets);
}

function noLines({ name }: Input): HashbrookError {
  return new HashbrookError(
    "usage",
    `--validate-last: ${name} has no lines at which its last part could be split off`,
    {
      hint: "hold out separate files (--validate FILES), or decode the data once: hashbrook cache",
    },
  );
}

/** A cut in the notation of checkpoints. */
export const placeOf = (cut: Cut | null): string | null => cut && `${cut.file} ${cut.offset}`;

class Planner {
  private readonly job: Job;
  private readonly inputs: readonly Input[];
  private readonly start: Start;
  private readonly heads = new Heads();
  private readonly position: FilePosition;
  private readonly pass: Pass;
  private readonly current: readonly LearnedFile[];
  private readonly earlier: readonly LearnedFile[];

  constructor(job: Job, inputs: readonly Input[], start: Start) {
    const { position, pass, fingerprints, learned, examples } = start;
    if (position && "messages" in position)
      throw mixed(`topic ${position.topic}`, `but --data names files: ${inputs[0].name}`);
    this.job = job;
    this.inputs = inputs;
    this.start = start;
    this.position = position ?? START;
    this.pass = pass ?? NEW_PASS;
    this.current = learnedOf(fingerprints, this.pass, this.position, examples);
    this.earlier = learned.map(decodeLearned);
  }

  async plan(): Promise<Plan> {
    if (!this.start.position) return this.anew(this.inputs, {}, [], []);
    const list = await this.sameList();
    if (this.pass.finished) return this.another(list);
    if (list) return this.goOn(list);
    await this.refuseChanged();
    return this.another(null);
  }

  /** The given files, or those that no earlier list has, if they begin with the checkpoint's list. */
  private async sameList(): Promise<readonly Input[] | null> {
    if (await this.goesOn(this.inputs)) return this.inputs;
    const { inputs } = await this.unlearned(this.inputs, 0, without(this.earlier, this.current));
    return (await this.goesOn(inputs)) ? inputs : null;
  }

  /** Whether a list begins with the files begun before, in their order. */
  private async goesOn(list: readonly Input[]): Promise<boolean> {
    const { fingerprints } = this.start;
    for (const [i, text] of fingerprints.entries()) {
      const input = list[i];
      if (!input) return false;
      const known = parseFingerprint(text);
      const same = known.bytes === 0 ? known.name === input.id : await this.isThat(input, known);
      if (!same) return false;
    }
    return true;
  }

  /**
   * Whether an input begins like a file of the list, and like none of which more was learned: a file may contain all of
   * another.
   */
  private async isThat(input: Input, known: { readonly bytes: number; readonly hash: string }): Promise<boolean> {
    if (!(await this.heads.matches(input, known))) return false;
    const most = await this.heads.find(input, [...this.current, ...this.earlier]);
    return most === null || most.hash === known.hash;
  }

  /** Continues the previous list, with new files appended. */
  private async goOn(list: readonly Input[]): Promise<Plan> {
    const { fingerprints, learned } = this.start;
    const begun = fingerprints.length;
    const rest = this.job.again
      ? { inputs: list.slice(begun), begins: await this.seen(list, begun, this.earlier), known: [] }
      : await this.unlearned(list.slice(begun), begun, this.earlier);
    const inputs = [...list.slice(0, begun), ...rest.inputs];
    const pass = { ...this.pass, begins: { ...this.pass.begins, ...rest.begins }, finished: false };
    const { position, known } = { position: this.position, known: rest.known };
    return { inputs, pass, start: position, fingerprints, learned, fresh: false, known, left: [] };
  }

  /** Another list, or the previous one after it was finished: what is new in it. */
  private async another(list: readonly Input[] | null): Promise<Plan> {
    const all = remember(this.earlier, this.current);
    if (this.job.again) return this.anew(this.inputs, await this.seen(this.inputs, 0, all), [], all);
    if (list && (await this.holdsOutTheSame(list))) return this.goOn(list);
    const { inputs, begins, known } = await this.unlearned(this.inputs, 0, all);
    if (inputs.length > 0) return this.anew(inputs, begins, known, all);
    if (list) return { ...(await this.goOn(list.slice(0, this.start.fingerprints.length))), known };
    throw alreadyLearned(known);
  }

  /** Whether this is the previous command again: what it held out must not be learned now. */
  private async holdsOutTheSame(list: readonly Input[]): Promise<boolean> {
    const { held_out, begins } = this.pass;
    return held_out !== null && placeOf(await heldOutCut(this.job, list, begins)) === held_out;
  }

  /**
   * Inputs, from index `first` on, that were learned before: with --again they are learned from their start, but do not
   * count towards progressive quality.
   */
  private async seen(inputs: readonly Input[], first: number, files: readonly LearnedFile[]) {
    const begins: Record<number, FileBegin> = {};
    for (let i = first; i < inputs.length; i++)
      if (await this.heads.find(inputs[i], files)) begins[i] = { offset: 0, row: 0, seen: true };
    return begins;
  }

  /** Inputs with something new, from where on, and those that are known. */
  private async unlearned(inputs: readonly Input[], first: number, files: readonly LearnedFile[]) {
    const begins: Record<number, FileBegin> = {};
    const known: KnownFile[] = [];
    const rest: Input[] = [];
    for (const input of inputs) {
      const file = await this.heads.find(input, files);
      const more = !file || (await hasMore(input, file, !isBinary(this.job.spec.events.format)));
      if (file) known.push(knownFile(input.name, file, more));
      if (file && more) begins[first + rest.length] = { offset: file.offset, row: file.row, seen: false };
      if (more) rest.push(input);
    }
    return { inputs: rest, begins, known };
  }

  private async anew(
    inputs: readonly Input[],
    begin: Readonly<Record<number, FileBegin>>,
    known: readonly KnownFile[],
    learned: readonly LearnedFile[],
  ): Promise<Plan> {
    const begins = { ...begin };
    for (const i of inputs.keys())
      if (await this.isDouble(inputs, i)) begins[i] = { ...(begins[i] ?? { offset: 0, row: 0 }), seen: true };
    const pass = { ...NEW_PASS, from: this.start.examples, begins };
    const { offset, row } = begins[0] ?? START;
    const start = { ...START, offset, row };
    const left = this.leftBehind(known);
    return { inputs, pass, start, fingerprints: [], learned: learned.map(encodeLearned), fresh: true, known, left };
  }

  /** Whether the i-th input repeats an earlier one of the list. */
  private async isDouble(inputs: readonly Input[], i: number): Promise<boolean> {
    for (const earlier of inputs.slice(0, i)) if (await this.heads.areSame(earlier, inputs[i])) return true;
    return false;
  }

  private leftBehind(known: readonly KnownFile[]): KnownFile[] {
    const { pass, fingerprints } = this.start;
    const last = this.current.at(-1);
    if (!pass || !last || this.position.epoch > 0 || pass.ends.length === fingerprints.length) return [];
    return known.some(({ learned_as }) => learned_as === last.name) ? [] : [knownFile(last.name, last, true)];
  }

  /** Refuses a half-learned file whose content has changed, since it cannot be continued. */
  private async refuseChanged(): Promise<void> {
    const text = this.start.fingerprints[this.position.file];
    if (text === undefined) return;
    const source = parseFingerprint(text);
    const input = this.inputs.find(({ id }) => id === source.name);
    if (input?.repeatable && !(await this.heads.matches(input, source)))
      throw changed(`${input.name}: the part that was learned before the checkpoint has changed since`);
  }
}

function knownFile(name: string, { name: learned_as, from, to, row }: LearnedFile, more: boolean): KnownFile {
  return { name, learned_as, first: from + 1, last: to, went_on_behind_line: more ? row : null };
}

function alreadyLearned(known: readonly KnownFile[]): HashbrookError {
  const [{ name, learned_as, first, last }] = known;
  const others = known.length - 1;
  const same =
    others === 0 ? "" : others === 1 ? ", and so was the other file" : `, and so were the ${others} other files`;
  const examples = `examples ${grouped(first)} to ${grouped(last)}`;
  const message = `${name}: was already learned, as ${learned_as}, in ${examples} of this run${same}`;
  return new HashbrookError("already_learned", message, {
    hint: "pass only new files, or learn these once more with --again",
  });
}

/** The error for files where a topic was learned, or vice versa. */
export function mixed(before: string, now: string): HashbrookError {
  return new HashbrookError("source_changed", `the checkpoint was made from ${before}, ${now}`, {
    hint: "train from them in a separate --out directory, or send the files' events to the topic: hashbrook produce",
  });
}
