#!/usr/bin/env node
import { hashbrook } from "./program.js";

// A reader that has gone (`| head`) wants no more; the command goes on, as what it learns or saves is not for the reader.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

const status = await hashbrook(process.argv.slice(2));
if (status !== 0) process.exitCode = status;
