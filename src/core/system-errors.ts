/** What the operating system, or Node for a thread, refuses, by its code, and what to do about it. */
const refusals: Readonly<
  Record<string, { readonly limit?: true; readonly file?: true; readonly what?: string; readonly hint: string }>
> = {
  EMFILE: { limit: true, hint: "this process may not open more files: raise the limit (ulimit -n)" },
  ENFILE: { limit: true, hint: "the machine may not open more files: close some, or raise the limit (fs.file-max)" },
  ERR_WORKER_INIT_FAILED: {
    limit: true,
    what: "a thread cannot be started",
    hint: "the system starts no further thread: raise the user's limit of processes (ulimit -u), or the container's (pids)",
  },
  ERR_WORKER_OUT_OF_MEMORY: {
    limit: true,
    hint: "a thread's heap is full: raise its limit (NODE_OPTIONS=--max-old-space-size=MB)",
  },
  ENOSPC: { hint: "free some space on the disk; the temporary folder is TMPDIR" },
  EDQUOT: { hint: "the disk quota of this user is used up: free some space, or raise it" },
  EROFS: { hint: "the file system is read-only: name a place on another one" },
  EACCES: {
    file: true,
    hint: "permission denied: give this user the right to the file or folder, or name another one",
  },
  EPERM: {
    file: true,
    hint: "the system does not allow this user to do that: check the file's owner and its attributes",
  },
  EISDIR: { file: true, hint: "it is a folder: name a file" },
  ENOTDIR: { file: true, hint: "a part of the path is a file, not a folder: check the path" },
  ENAMETOOLONG: { file: true, hint: "the name is too long for the file system: name a shorter one" },
  EEXIST: { file: true, hint: "a file, or a link that leads nowhere, has this name: remove it, or name another one" },
  EFBIG: { hint: "the file is larger than the file system or the user's limit allows (ulimit -f)" },
  ETXTBSY: { file: true, hint: "the file is a program that runs: name another one" },
  EBUSY: { file: true, hint: "another program uses the file or folder: try again later, or name another one" },
  ESTALE: { file: true, hint: "the file server has lost the file: check that it is there, and mounted" },
  uv_cwd: { what: "the current folder", hint: "it has been removed: change to a folder that exists (cd)" },
  ELOOP: { file: true, hint: "too many symbolic links: they may form a loop" },
  EIO: { hint: "the disk failed to read or write: check it, and the system's log" },
};

/** An operation that the operating system refused. */
export interface Refusal {
  /** In the system's words. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** A limit of the process or machine was reached, other than its disk space. */
  readonly limit: boolean;
}

/** The refusal of the operating system that an error reports; null if it reports none. */
export function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof Error)) return null;
  const { code = "", message, path } = error as NodeJS.ErrnoException;
  const found = codeIn(message) ?? (code in refusals ? code : undefined);
  if (found === undefined) return null;
  const { hint, limit = false, file = false, what = path } = refusals[found];
  // Sockets and processes can be refused likewise.
  if (file && path === undefined) return null;
  return { message: what === undefined ? message : `${what}: ${message}`, hint, limit };
}

/** The code in a message: threads that cannot start have it there, and Node's loader of modules has it in words. */
function codeIn(message: string): string | undefined {
  if (/\buv_cwd\b/.test(message)) return "uv_cwd";
  if (/^(Worker initialization failure: )?EAGAIN$/.test(message)) return "ERR_WORKER_INIT_FAILED";
  return /too many open files/.test(message) ? "EMFILE" : /\bE(?:M|N)FILE\b/.exec(message)?.[0];
}

/** What to do about an operation that the system refused; undefined if nothing is known. */
export const hintOf = (error: unknown): string | undefined => refusalOf(error)?.hint;
