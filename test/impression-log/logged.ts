import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Serving } from "../../src/impression-log/compose.js";
import { DirectorySink } from "../../src/impression-log/directory-sink.js";
import { LogWriter } from "../../src/impression-log/log-writer.js";
import { Recorder } from "../../src/impression-log/recorder.js";
import type { Explorer } from "../../src/serve/explore/policy.js";
import type { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";

export interface Asked {
  readonly id: string;
  readonly body: object;
}

/** Lets a server answer requests and log them all into a folder. @returns the file */
export async function logged(
  folder: string,
  scorer: Scorer,
  asked: readonly Asked[],
  { explorer, serving = {} }: { readonly explorer?: Explorer; readonly serving?: Serving } = {},
): Promise<string> {
  const sink = new DirectorySink(folder, { now: () => Date.UTC(2026, 10, 28), writer: "w" });
  const impressions = new Recorder(new LogWriter(sink, serving), { share: 1, tell: () => {} });
  const app = createServer(scorer, { impressions, explorer, maxEventLoopDelay: 0 });
  for (const { id, body } of asked) {
    const headers = { "content-type": "application/json", "x-request-id": id };
    await app.inject({ method: "POST", url: "/v1/score", headers, payload: body });
  }
  await impressions.close();
  return join(folder, readdirSync(folder).at(-1)!);
}
