/**
 * Aborts at the first Ctrl-C or SIGTERM, with the signal's name as its reason; the second one ends the process at once.
 */
export function stopSignal(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(statusOf(name));
    controller.abort(name);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const release = () => {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  };
  return { signal: controller.signal, release };
}

/** Reports that a command was stopped before its output was complete, and exits with its signal's status. */
export function tellStopped({ reason }: AbortSignal, out: string): void {
  process.exitCode = statusOf(reason as NodeJS.Signals);
  if (out !== "-") process.stderr.write(`hashbrook: stopped before ${out} was complete: ${out} is unchanged\n`);
}

function statusOf(name: NodeJS.Signals): number {
  return name === "SIGINT" ? 130 : 143;
}
