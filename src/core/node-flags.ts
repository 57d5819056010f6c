/** Flags for the form of the main program, which is no file: a thread with them does not start. */
const OF_TEXT = /^--input-type\b/;
/** Modules that are loaded before the program; the module is the flag's value or the next word. */
const PRELOADS = /^(-r|--require|--import|--loader|--experimental-loader)(=|$)/;
/** A debugger listens on the port already. */
const OF_DEBUGGER = /^--inspect\b/;

/** Node's flags for a thread: undefined, for those of the process, unless it would not start with them. */
export function threadFlags(flags: readonly string[] = process.execArgv): string[] | undefined {
  if (!flags.some((flag) => OF_TEXT.test(flag))) return undefined;
  return flags.flatMap((flag, i) => {
    if (!PRELOADS.test(flag)) return [];
    return flag.includes("=") ? [flag] : [flag, flags[i + 1]];
  });
}

/** Node's flags for another process that runs the same program. */
export function processFlags(flags: readonly string[] = process.execArgv): string[] {
  return flags.filter((flag) => !OF_DEBUGGER.test(flag));
}
