import { constants } from "node:os";

/**
 * Ends the first process of a container at Ctrl-C and SIGTERM until a command handles them itself, while a model is
 * loaded for example: the kernel does not end that process by a signal without a handler.
 */
export function endAsFirstProcess(): void {
  if (process.pid !== 1) return;
  const end = (name: NodeJS.Signals) => {
    if (process.listenerCount(name) === 1) process.exit(128 + constants.signals[name]);
  };
  process.on("SIGINT", end).on("SIGTERM", end);
}
