import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { HashbrookError } from "../../../src/core/errors.js";
import { RetryingSink, retried } from "../../../src/train/workers/retry.js";

const unreachable = new HashbrookError("kafka_unreachable", "kafka:9092: no answer");

/** Fails with these errors, one after the other. */
function flaky(errors: Error[]) {
  const calls: number[] = [];
  const work = async () => {
    calls.push(errors.length);
    const error = errors.shift();
    if (error) throw error;
    return "done";
  };
  return { calls, work };
}

function retry() {
  const stop = new AbortController();
  const reasons: (string | null)[] = [];
  return {
    stop,
    reasons,
    retry: { stop: stop.signal, waiting: (reason: string | null) => void reasons.push(reason) },
  };
}

it("an outage is retried until the work succeeds, and its reason is reported", async () => {
  const { work, calls } = flaky([unreachable, unreachable]);
  const { reasons, retry: options } = retry();
  expect(await retried("publishing", work, options)).toBe("done");
  expect(calls).toEqual([2, 1, 0]);
  expect(reasons).toEqual([...Array(2).fill("publishing: kafka:9092: no answer"), null]);
});

it("an answer that arrives while the thread computes is not taken for a missing one", async () => {
  const { reasons, retry: options } = retry();
  const work = async () => {
    // Learning a batch may take that long; then timers come before what sockets have received.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_500);
    await sleep(1);
    return "done";
  };
  expect(await retried("publishing", work, options)).toBe("done");
  expect(reasons).toEqual([null]);
});

it("other errors, and an outage after the stop, are thrown", async () => {
  const wrong = new HashbrookError("kafka_auth", "no");
  const { retry: options, stop, reasons } = retry();
  await expect(retried("publishing", flaky([wrong]).work, options)).rejects.toBe(wrong);
  setTimeout(() => stop.abort(), 100);
  await expect(retried("publishing", flaky(Array(99).fill(unreachable)).work, options)).rejects.toBe(unreachable);
  expect(reasons.at(-1)).toBe(null);
});

it("an entry of the delta log is sent again as a whole", async () => {
  const { work, calls } = flaky([unreachable]);
  const sink = { needsSnapshot: async () => true, append: async () => void (await work()), close: async () => {} };
  const { retry: options } = retry();
  const patient = new RetryingSink(sink, options);
  await patient.append({ kind: "delta", number: 1, parts: 1, bodies: () => [] });
  expect([calls.length, await patient.needsSnapshot()]).toEqual([2, true]);
});
