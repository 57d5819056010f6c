import { HashbrookError } from "../core/errors.js";
import { hintOf } from "../core/system-errors.js";

/** Message and hint for a failed system call, by error code. */
const messages: Record<string, [message: string, hint: string]> = {
  ENOENT: ["no such file", "check the path; relative paths start from the current folder"],
  ENOTDIR: ["a part of the path is a file, not a folder", "check the path"],
  EACCES: ["permission denied", "make the file readable for this user (chmod u+r)"],
  EPERM: ["operation not permitted", "make the file readable for this user"],
  EISDIR: ["is a folder", "name the files in it, for example with a pattern: FOLDER/*.tsv"],
};

/** The error for a source that the operating system fails to open or read: `source_missing` or `source_unreadable`. */
export function systemFailure(name: string, cause: unknown): HashbrookError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const [text, hint] = messages[code] ?? [message, hintOf(cause) ?? "check the file and its file system"];
  const missing = code === "ENOENT" || code === "ENOTDIR";
  return new HashbrookError(missing ? "source_missing" : "source_unreadable", `${name}: ${text}`, { hint, cause });
}

/** The error for a file that ends before the byte (or row) at which reading was to continue. */
export function tooShort(name: string, place: number, end: number, unit: "byte" | "row" = "byte"): HashbrookError {
  return new HashbrookError(
    "source_changed",
    `${name}: ends at ${unit} ${end}, but reading continues at ${unit} ${place}`,
    {
      hint: "the file was shortened or replaced since the checkpoint: restore it, or start without --resume",
    },
  );
}

/** The error for a file that became shorter while it was read. */
export function shrunk(name: string): HashbrookError {
  return new HashbrookError("source_unreadable", `${name}: became shorter while it was read`, {
    hint: "restore it; a file that is replaced must be renamed into place, not written over",
  });
}
