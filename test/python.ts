import { execFileSync } from "node:child_process";

/** HASHBROOK_PYTHON, or python3: the interpreter of an environment with what examples/python/requirements.txt names. */
export const python = process.env.HASHBROOK_PYTHON ?? "python3";

/** Runs a script's text, or a file. */
export function runPython(args: readonly string[]): string {
  return execFileSync(python, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 });
}

/** Can Python import these? In CI it must. */
export function pythonHas(...modules: string[]): boolean {
  try {
    runPython(["-c", `import ${modules.join(", ")}`]);
    return true;
  } catch {
    const why = `${python} cannot import ${modules.join(", ")} (set HASHBROOK_PYTHON; examples/python/requirements.txt)`;
    if (process.env.CI) throw new Error(why);
    console.log(`skipped: ${why}`);
    return false;
  }
}
