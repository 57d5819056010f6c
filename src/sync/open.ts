import { HashbrookError } from "../core/errors.js";
import type { DeltaSink, DeltaSource, WriterFacts } from "./channel.js";
import { DirectorySink } from "./directory-sink.js";
import { DirectorySource } from "./directory-source.js";

/** Where a delta log is: a directory. */
function directoryOf(url: string): string {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url) ?? [];
  if (url === "" || scheme) {
    throw new HashbrookError("usage", `${JSON.stringify(url)}: is no delta log`, { hint: "give a directory" });
  }
  return url;
}

/**
 * Opens the writing end of the delta log at `url`.
 * @throws HashbrookError usage
 */
export function openSink(url: string, writer: WriterFacts): DeltaSink {
  return new DirectorySink(directoryOf(url), writer);
}

/**
 * Opens the reading end of the delta log at `url`; it may not be there yet.
 * @throws HashbrookError usage
 */
export function openFollow(url: string): DeltaSource {
  return new DirectorySource(directoryOf(url));
}
