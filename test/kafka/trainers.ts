import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { simulatedLines, type start, temporary } from "../e2e/hashbrook.js";

/** Rows of the simulator, as messages hold them. */
export const rows = (count: number, seed = 3): Promise<string[]> => simulatedLines(count, seed);

/** `features/ads-demo-lr.yaml` with a table that takes no time to save and to compare. */
export const LR = variant("ads-demo-lr", "rows: 4_194_304", "rows: 65_536");
/** `features/ads-demo.yaml`, a Deep Crossing, with a tower that takes none either. */
export const DEEP_CROSSING = variant("ads-demo", /residual: \[.*?\]/, "residual: [16]");

/** A spec of features/ that differs in one place. */
function variant(name: string, place: string | RegExp, words: string): string {
  const path = join(temporary(), `${name}.yaml`);
  writeFileSync(path, readFileSync(`features/${name}.yaml`, "utf8").replace(place, words));
  return path;
}

/** The command line of a trainer that learns a topic as a member of a group, which is named as the topic is. */
export function training(
  { brokers }: { readonly brokers: string },
  topic: string,
  out: string,
  { model = LR, group = topic }: { readonly model?: string; readonly group?: string } = {},
): string[] {
  return ["train", "--model", model, "--kafka", brokers, "--topic", topic, "--group", group, "--out", out];
}

/** Only what it learns by and by is saved: when it has begun, and when it ends. */
export const NO_CHECKPOINTS = ["--checkpoint-seconds", "0", "--checkpoint-every", "1000000"];

/** Waits until a process has written a match to its standard error. */
export function said(child: ReturnType<typeof start>, pattern: RegExp): Promise<RegExpExecArray> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stderr!.on("data", (data) => {
      text += data;
      const match = pattern.exec(text);
      if (match) resolve(match);
    });
    child.on("close", () => reject(new Error(`it ended: ${text.slice(-2000)}`)));
  });
}
