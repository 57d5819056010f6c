import { describe, expect, it } from "vitest";
import type { ChainWriter } from "../../src/checkpoints/chain-writer.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import type { Files } from "../../src/core/files.js";
import { Rng } from "../../src/core/rng.js";
import { modelAt, saveSteps, writerOf } from "./chains.js";
import { type Fault, FaultyFiles } from "./faulty-files.js";
import { type Beginnings, inMemory, MemoryFiles, onDisk } from "./memory-files.js";
import { sorted } from "./samples.js";

/** What a run's writer does when it is interrupted, and the numbers of examples allowed afterwards. */
interface Scenario {
  readonly name: string;
  /** Number of increments before. */
  readonly before: number;
  readonly options: { readonly keep: number; readonly mostIncrements: number };
  readonly act: (writer: ChainWriter) => void;
  /** The last is the state after `act`. */
  readonly allowed: readonly number[];
}

const many = 1e9;

/** How often each operation is followed by a power failure, each time with another part of the unsynced data kept. */
const ROUNDS = process.env.HASHBROOK_SEED === "random" ? 20 : 3;

function compact(writer: ChainWriter): void {
  while (writer.step());
}

const scenarios: readonly Scenario[] = [
  {
    name: "the first increment",
    before: 0,
    options: { keep: 3, mostIncrements: many },
    act: (writer) => saveSteps(writer, 1, 1),
    allowed: [0, 1],
  },
  {
    name: "an increment",
    before: 2,
    options: { keep: 3, mostIncrements: many },
    act: (writer) => saveSteps(writer, 3, 3),
    allowed: [2, 3],
  },
  {
    name: "an increment, compaction, pruning",
    before: 3,
    options: { keep: 1, mostIncrements: 2 },
    act: (writer) => {
      saveSteps(writer, 4, 4);
      compact(writer);
    },
    allowed: [3, 4],
  },
  {
    name: "increments while a compaction is under way",
    before: 3,
    options: { keep: 2, mostIncrements: 2 },
    act: (writer) => {
      saveSteps(writer, 4, 4);
      writer.step();
      saveSteps(writer, 5, 5);
      compact(writer);
    },
    allowed: [3, 4, 5],
  },
  {
    name: "a merge of an increment without new examples",
    before: 3,
    options: { keep: 2, mostIncrements: many },
    act: (writer) => {
      const model = modelAt(3);
      model.increment();
      writer.save(model.increment());
    },
    allowed: [3],
  },
];

/** Asserts that the newest checkpoint is one of the allowed ones, intact, and returns its examples. */
function expectOneOf(directory: string, files: Files, allowed: readonly number[], what: string): number {
  const { checkpoint } = new CheckpointStore(directory, files).latest();
  const examples = checkpoint?.examples ?? 0;
  expect(allowed, what).toContain(examples);
  if (checkpoint) expect(sorted(checkpoint.content().blocks), what).toEqual(sorted(modelAt(examples).content().blocks));
  return examples;
}

/**
 * Asserts that the remaining state is one of the allowed ones, and that the run continues from it. Most faults leave the same state as an
 * earlier one; what follows depends on the files alone, so each state in memory is continued from once.
 */
function expectSafe(scenario: Scenario, { inner, directory, what }: { inner: Files; directory: string; what: string }) {
  const seen = continuedFrom.get(scenario) ?? new Set();
  continuedFrom.set(scenario, seen);
  const state = inner instanceof MemoryFiles ? inner.state() : null;
  if (state !== null && seen.has(state)) return;
  continueRun(directory, inner, scenario, expectOneOf(directory, inner, scenario.allowed, what), what);
  if (state !== null) seen.add(state);
}

const continuedFrom = new Map<Scenario, Set<string>>();

/** Does the rest of `act` as a resumed run would, and one more step. */
function continueRun(
  directory: string,
  files: Files,
  { options, allowed }: Scenario,
  from: number,
  what: string,
): void {
  const writer = writerOf(directory, files, options);
  const end = allowed.at(-1)! + 1;
  saveSteps(writer, from + 1, end);
  compact(writer);
  expectOneOf(directory, files, [end], `${what}, then done again`);
  new CheckpointStore(directory, files).save(end, modelAt(end).content());
  new CheckpointStore(directory, files).prune(1);
  expect(files.list(directory), what).toEqual([`checkpoint-${String(end).padStart(12, "0")}`]);
}

const prepared = (scenario: Scenario) => (directory: string, files: Files) => {
  if (scenario.before > 0) saveSteps(writerOf(directory, files, { keep: 3, mostIncrements: many }), 1, scenario.before);
};

/** Runs the scenario with the fault at every operation. @returns the number of operations */
function atEveryOperation(
  scenario: Scenario,
  fault: Fault,
  check: (remains: { inner: Files; directory: string; what: string; error: unknown }) => void,
  beginning = inMemory(prepared(scenario)),
): number {
  for (let at = 1; ; at++) {
    const { inner, directory } = beginning();
    const faulty = new FaultyFiles(inner, fault, at);
    let error: unknown;
    try {
      scenario.act(writerOf(directory, faulty.files, scenario.options));
    } catch (thrown) {
      if (!faulty.struck) throw thrown;
      error = thrown;
    }
    if (!faulty.struck) return at - 1;
    check({ inner, directory, error, what: `${fault} at ${at}: ${faulty.trace[at - 1]}` });
  }
}

describe.each(scenarios)("$name", (scenario) => {
  it.each<Fault>(["kill-before", "kill-midway", "kill-after"])("survives a kill at every operation (%s)", (fault) => {
    const operations = atEveryOperation(scenario, fault, (remains) => expectSafe(scenario, remains));
    expect(operations).toBeGreaterThan(10);
  });

  it("survives a power failure at every operation, whatever unsynced data the disk kept", () => {
    const rng = new Rng(20261124);
    for (let round = 0; round < ROUNDS; round++) {
      atEveryOperation(scenario, "kill-after", (remains) => {
        (remains.inner as MemoryFiles).powerCut((n) => rng.below(n));
        expectSafe(scenario, remains);
      });
    }
  });

  it.each<Fault>(["ENOSPC", "EIO", "short"])("fails cleanly with %s at every operation", (fault) => {
    atEveryOperation(scenario, fault, (remains) => {
      const { error, what } = remains;
      expect(error === undefined || (error as { code: string }).code === "checkpoint_write", what).toBe(true);
      expectSafe(scenario, remains);
    });
  });
});

it("what holds in memory holds on a disk, for a kill in the middle of any operation", () => {
  const scenario = scenarios[1];
  const operations = (beginning: Beginnings) =>
    atEveryOperation(scenario, "kill-midway", (remains) => expectSafe(scenario, remains), beginning);
  expect(operations(onDisk(prepared(scenario)))).toBe(operations(inMemory(prepared(scenario))));
});
