import { simulatedLines, type start } from "../e2e/hashbrook.js";

/** Rows of the simulator, as messages hold them. */
export const rows = (count: number, seed = 3): Promise<string[]> => simulatedLines(count, seed);

/** Waits until a process has written a match to its standard error. */
export function said(child: ReturnType<typeof start>, pattern: RegExp): Promise<void> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stderr!.on("data", (data) => {
      text += data;
      if (pattern.test(text)) resolve();
    });
    child.on("close", () => reject(new Error(`it ended: ${text.slice(-2000)}`)));
  });
}
