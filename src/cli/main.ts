#!/usr/bin/env node
import { errorFacts } from "../core/errors.js";
import { endAsFirstProcess } from "./first-process.js";
import { hashbrook } from "./program.js";

// A failed write to standard error or output does not end a running trainer or server: neither if the disk of their
// logs is full, nor if the reader has exited (`| head`). A report lost this way is mentioned on standard error and sets
// the exit status.
process.stderr.on("error", () => {});
process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  if (code === "EPIPE" || process.exitCode !== undefined) return;
  process.exitCode = errorFacts.source_unreadable.exit;
  process.stderr.write(`hashbrook: the standard output cannot be written: ${message}\n`);
});

endAsFirstProcess();
const status = await hashbrook(process.argv.slice(2));
if (status !== 0) process.exitCode = status;
