import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../src/core/clock.js";
import { DirectorySource } from "../../src/delta-log/directory-source.js";
import { Scorer } from "../../src/serve/scorer.js";
import { train } from "../../src/train/train.js";
import { LR } from "../small-specs.js";

const body = Buffer.from('{"candidates": [{}]}');
const empty = () => Scorer.follow(new DirectorySource(mkdtempSync(join(tmpdir(), "hashbrook-scorer-"))));

it("refuses late or aborted requests before anything is scored", async () => {
  const scorer = empty();
  const late = scorer.score(body, { deadline: systemClock.now() - 1 });
  await expect(late).rejects.toMatchObject({ code: "deadline_exceeded" });
  await expect(scorer.score(body, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "request_aborted" });
  await expect(scorer.score(body)).rejects.toMatchObject({ code: "not_ready" });
  await scorer.close();
});

it.each([0, 1])(
  "a closed scorer with %i threads refuses requests and is not ready; closing it again does nothing",
  async (workers) => {
    const run = mkdtempSync(join(tmpdir(), "hashbrook-scorer-"));
    await train({ model: LR, data: "simulate:100:7", out: run });
    const scorer = await Scorer.load(run, { workers });
    const last = scorer.score(body);
    await scorer.close();
    await expect(last).resolves.toMatchObject({ scores: [expect.any(Number)] });
    await expect(scorer.score(body)).rejects.toMatchObject({ code: "not_ready", message: "the scorer is closed" });
    expect(scorer.health().ready).toBe(false);
    await scorer.close();
  },
);
