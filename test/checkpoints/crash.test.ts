import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { type Files, nodeFiles, writeError } from "../../src/core/files.js";
import { Rng } from "../../src/core/rng.js";
import { cacheWriteError } from "../../src/event-cache/writer.js";
import { type Fault, FaultyFiles } from "./faulty-files.js";
import { inMemory, type MemoryFiles, onDisk } from "./memory-files.js";
import { content, errorOf, sorted, temporaryDirectory } from "./samples.js";

/** What a run does at a checkpoint, and which contents are allowed if it is interrupted. */
interface Scenario {
  readonly name: string;
  /** Prepares the directory. */
  readonly before: (store: CheckpointStore) => void;
  readonly act: (store: CheckpointStore) => void;
  /** [examples, step] pairs; the last is required after `act` has returned. */
  readonly allowed: readonly (readonly [number, number])[];
}

const scenarios: readonly Scenario[] = [
  {
    name: "the next checkpoint",
    before: (store) => void store.save(1, content(1)),
    act: (store) => void store.save(2, content(2)),
    allowed: [
      [1, 1],
      [2, 2],
    ],
  },
  {
    name: "the next checkpoint, then pruning",
    before: (store) => [1, 2, 3].forEach((step) => void store.save(step, content(step))),
    act: (store) => {
      store.save(4, content(4));
      store.prune(1);
    },
    allowed: [
      [3, 3],
      [4, 4],
    ],
  },
  {
    name: "replacing a checkpoint",
    before: (store) => void store.save(1, content(1)),
    act: (store) => void store.save(1, content(5)),
    allowed: [
      [1, 1],
      [1, 5],
    ],
  },
  {
    name: "saving the same again",
    before: (store) => void store.save(1, content(1)),
    act: (store) => void store.save(1, content(1)),
    allowed: [[1, 1]],
  },
];

/** Asserts that the newest checkpoint is one of the allowed ones, intact. */
function expectOneOf(store: CheckpointStore, allowed: Scenario["allowed"], what: string): void {
  const { checkpoint } = store.latest();
  expect(checkpoint, what).toBeDefined();
  const step = allowed.find(([examples, step]) => {
    const rejected = (checkpoint!.meta.counters as { rejected: number }).rejected;
    return examples === checkpoint!.examples && step === rejected;
  });
  expect(step, `${what}: found ${checkpoint!.examples}`).toBeDefined();
  expect(checkpoint!.content().blocks, what).toEqual(sorted(content(step![1]).blocks));
}

const prepared = (scenario: Scenario) => (directory: string, files: Files) =>
  scenario.before(new CheckpointStore(directory, files));

/** Runs the scenario with the fault at every operation, and calls `check` with each remaining state. @returns the operations' names */
function atEveryOperation(
  scenario: Scenario,
  fault: Fault,
  check: (remains: { inner: Files; directory: string; faulty: FaultyFiles; at: number }) => void,
  beginning = inMemory(prepared(scenario)),
): string[] {
  for (let at = 1; ; at++) {
    const { inner, directory } = beginning();
    const faulty = new FaultyFiles(inner, fault, at);
    if (!isStruck(faulty, () => scenario.act(new CheckpointStore(directory, faulty.files)))) return faulty.trace;
    check({ inner, directory, faulty, at });
  }
}

/** Runs `act` and returns whether the fault happened: there may be fewer operations than the fault's number. */
function isStruck(faulty: FaultyFiles, act: () => void): boolean {
  try {
    act();
  } catch (error) {
    if (!faulty.struck) throw error;
  }
  return faulty.struck;
}

describe.each(scenarios)("$name", (scenario) => {
  it.each<Fault>(["kill-before", "kill-midway", "kill-after"])("survives a kill at every operation (%s)", (fault) => {
    const trace = atEveryOperation(scenario, fault, ({ inner, directory, at, faulty }) => {
      const store = new CheckpointStore(directory, inner);
      const what = `killed at ${at}: ${faulty.trace.at(-1)}`;
      expectOneOf(store, scenario.allowed, what);
      scenario.act(store);
      expectOneOf(store, scenario.allowed.slice(-1), `${what}, then done again`);
      store.prune(1);
      expect(inner.list(directory), what).toHaveLength(1);
    });
    if (scenario.allowed.length > 1) {
      for (const operation of ["open", "write", "fsync", "mkdir", "rename", "syncDirectory"]) {
        expect(
          trace.some((line) => line.startsWith(operation)),
          operation,
        ).toBe(true);
      }
    }
  });

  it("survives a power failure at every operation, whatever unsynced data the disk kept", () => {
    const rng = new Rng(20261123);
    for (let round = 0; round < 20; round++) {
      atEveryOperation(scenario, "kill-after", ({ inner, directory, at, faulty }) => {
        (inner as MemoryFiles).powerCut((n) => rng.below(n));
        const store = new CheckpointStore(directory, inner);
        expectOneOf(store, scenario.allowed, `round ${round}, power cut at ${at}: ${faulty.trace.at(-1)}`);
        scenario.act(store);
        (inner as MemoryFiles).powerCut(() => 0);
        expectOneOf(store, scenario.allowed.slice(-1), `round ${round}, ${at}, then done again`);
      });
    }
  });

  it.each<Fault>(["ENOSPC", "EIO", "short"])("fails cleanly with %s at every operation", (fault) => {
    atEveryOperation(scenario, fault, ({ inner, directory, at, faulty }) => {
      const what = `${fault} at ${at}: ${faulty.trace[at - 1]}`;
      const store = new CheckpointStore(directory, inner);
      expectOneOf(store, scenario.allowed, what);
      const left = inner.list(directory).filter((name) => !inner.stat(join(directory, name, "manifest.json")));
      const couldRemove = !faulty.trace[at - 1].startsWith("remove");
      if (couldRemove) expect(left, `${what}: half-written`).toEqual([]);
      scenario.act(store);
      expectOneOf(store, scenario.allowed.slice(-1), `${what}, then done again`);
    });
  });
});

it("what holds in memory holds on a disk, for a kill in the middle of any operation", () => {
  const scenario = scenarios[1];
  const operations = atEveryOperation(
    scenario,
    "kill-midway",
    ({ inner, directory, at, faulty }) => {
      const store = new CheckpointStore(directory, inner);
      const what = `killed at ${at}: ${faulty.trace.at(-1)}`;
      expectOneOf(store, scenario.allowed, what);
      scenario.act(store);
      expectOneOf(store, scenario.allowed.slice(-1), `${what}, then done again`);
    },
    onDisk(prepared(scenario)),
  );
  expect(operations.length).toBe(atEveryOperation(scenario, "kill-midway", () => {}).length);
});

describe("a failed save", () => {
  it("is a checkpoint_write with the system's reason and a hint", () => {
    for (const [fault, reason, hint] of [
      ["ENOSPC", /ENOSPC/, /Free some space/],
      ["EIO", /EIO/, /check it/],
      ["short", /ENOSPC/, /Free some space/],
    ] as const) {
      const faulty = new FaultyFiles(nodeFiles, fault, 5);
      const directory = temporaryDirectory();
      const error = errorOf(() => new CheckpointStore(directory, faulty.files).save(1, content(1)));
      expect(faulty.trace[4]).toMatch(/^write/);
      expect([error.code, error.exit]).toEqual(["checkpoint_write", 6]);
      expect(error.message).toContain(join(directory, "checkpoint-000000000001"));
      expect(error.message).toMatch(reason);
      expect(error.hint).toMatch(hint);
      expect(nodeFiles.list(directory)).toEqual([]);
    }
  });

  it("names the limit of file sizes, not the disk's space, when a file is too large for the file system", () => {
    const tooLarge = Object.assign(new Error("EFBIG: file too large, write"), { code: "EFBIG" });
    for (const error of [writeError("run/checkpoint-000000000001", tooLarge), cacheWriteError("cache", tooLarge)])
      expect(error.hint).toMatch(/ulimit -f/);
  });

  it("continues after short writes", () => {
    const directory = temporaryDirectory();
    const shortWrites: Files = {
      ...nodeFiles,
      write: (file, data, at) => nodeFiles.write(file, data.subarray(0, 7), at),
    };
    new CheckpointStore(directory, shortWrites).save(1, content(1));
    expectOneOf(new CheckpointStore(directory), [[1, 1]], "short writes");
  });
});
