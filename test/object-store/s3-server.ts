import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, describe } from "vitest";
import { python, pythonHas } from "../python.js";

/** A bucket of an independent server of the S3 protocol (moto). */
export interface Bucket {
  readonly env: Readonly<Record<string, string>>;
  /** An empty prefix. */
  fresh(): string;
}

const PORT = 20_000 + (process.pid % 20_000);

/** A suite with a bucket; skipped if Python has no moto, which CI has. */
export function describeS3(name: string, suite: (bucket: Bucket) => void): void {
  const there = pythonHas("moto.server", "flask");
  describe.skipIf(!there)(name, () => {
    const env = {
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: "us-east-1",
      AWS_ENDPOINT_URL: `http://127.0.0.1:${PORT}`,
    };
    let server: ChildProcess;
    beforeAll(async () => {
      server = spawn(python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(PORT)], { stdio: "ignore" });
      await answers(`${env.AWS_ENDPOINT_URL}/bucket`);
    }, 60_000);
    afterAll(() => void server?.kill("SIGKILL"));
    let prefixes = 0;
    suite({ env, fresh: () => `s3://bucket/models/${++prefixes}` });
  });
}

/** Creates the bucket as soon as the server responds. */
async function answers(address: string): Promise<void> {
  for (;;) {
    const made = await fetch(address, { method: "PUT" }).catch(() => null);
    if (made?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
