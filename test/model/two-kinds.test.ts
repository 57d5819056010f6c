import { spawn, spawnSync } from "node:child_process";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { temporary } from "../e2e/hashbrook.js";

/** Runs programs as on a processor without AVX: ONNX Runtime then uses other kernels, which cannot be selected otherwise. */
const OLD = ["qemu-x86_64", "-cpu", "Nehalem"];
const emulates = process.arch === "x64" && spawnSync(OLD[0], ["--version"]).status === 0;
if (!emulates) console.warn("skipped: lanes on processors of two kinds: no qemu-x86_64 (Debian: qemu-user)");

/** By round: a process's contribution for lane 1, and its weights after the round. */
async function learnedBy(by: readonly string[], lane: number, directory: string) {
  // Optimizing compilers take longer there than they save.
  const node = [process.execPath, "--no-opt", "--liftoff-only"];
  const [command, ...args] = [...by, ...node, "test/model/two-kinds.mjs", String(lane), directory];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const [output, problems] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const rounds = output.trim().split("\n");
  expect(rounds.length, problems).toBe(3);
  return rounds.map((line) => line.split(" "));
}

it.skipIf(!emulates)(
  "lanes on two kinds of processors differ in the last bits, and every process has the same weights",
  async () => {
    const directory = temporary();
    const [one, other] = await Promise.all([learnedBy([], 0, directory), learnedBy(OLD, 1, directory)]);
    for (const round of [0, 1, 2]) {
      expect(one[round][0]).not.toBe(other[round][0]);
      expect(one[round][1]).toBe(other[round][1]);
    }
  },
  240_000,
);
