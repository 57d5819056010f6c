import { constants } from "node:os";

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Ends the first process of a container at Ctrl-C, SIGTERM and SIGHUP until a command handles them itself, while a model is
 * loaded for example: the kernel does not end that process by a signal without a handler.
 *
 * It shares no module with the commands, or the bundle would load them before errors can be reported.
 */
export function endAsFirstProcess(): void {
  if (process.pid !== 1) return;
  const end = (name: NodeJS.Signals) => {
    if (process.listenerCount(name) === 1) process.exit(128 + constants.signals[name]);
  };
  for (const name of ENDING) process.on(name, end);
}
