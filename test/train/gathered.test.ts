import { expect, it } from "vitest";
import { Gathered } from "../../src/train/lanes/gathered.js";

/** Requests that the test ends. */
function requests() {
  const sent: { readonly records: readonly string[]; readonly end: (error?: Error) => void }[] = [];
  const gathered = new Gathered<string>(
    (records) =>
      new Promise((resolve, reject) => {
        sent.push({ records, end: (error) => (error ? reject(error) : resolve()) });
      }),
  );
  return { sent, gathered };
}

it("work queued during a request is sent with the next one, in order", async () => {
  const { sent, gathered } = requests();
  const [first, second, third] = [["a"], ["b", "c"], ["d"]].map((records) => gathered.send(records));
  expect(sent.map(({ records }) => records)).toEqual([["a"]]);
  sent[0].end();
  await first;
  await expect.poll(() => sent.map(({ records }) => records)).toEqual([["a"], ["b", "c", "d"]]);
  sent[1].end();
  await Promise.all([second, third]);
  const fourth = gathered.send(["e"]);
  await expect.poll(() => sent[2]?.records).toEqual(["e"]);
  sent[2].end();
  await fourth;
});

it("a failed request rejects all work sent with it, and the next one is sent nevertheless", async () => {
  const { sent, gathered } = requests();
  const outcomes = ["a", "b", "c"].map((record) => gathered.send([record]).catch(({ message }: Error) => message));
  sent[0].end();
  expect(await outcomes[0]).toBeUndefined();
  const later = gathered.send(["d"]);
  sent[1].end(new Error("cut off"));
  expect(await Promise.all(outcomes.slice(1))).toEqual(["cut off", "cut off"]);
  await expect.poll(() => sent[2]?.records).toEqual(["d"]);
  sent[2].end();
  await later;
});
