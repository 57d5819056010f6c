#!/usr/bin/env node
import { errorFacts } from "../core/errors.js";
import { hashbrook } from "./program.js";

// What cannot be told does not end what is done: a trainer and a server go on where the disk of their logs is full, as where a reader
// has gone (`| head`). A report that is lost so is told, and leaves its status.
process.stderr.on("error", () => {});
process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  if (code === "EPIPE" || process.exitCode !== undefined) return;
  process.exitCode = errorFacts.source_unreadable.exit;
  process.stderr.write(`hashbrook: the standard output cannot be written: ${message}\n`);
});

const status = await hashbrook(process.argv.slice(2));
if (status !== 0) process.exitCode = status;
