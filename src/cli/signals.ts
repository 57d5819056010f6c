/** Aborts at the first Ctrl-C or SIGTERM; the second one ends the process at once. */
export function stopSignal(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(name === "SIGINT" ? 130 : 143);
    controller.abort();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const release = () => {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  };
  return { signal: controller.signal, release };
}
