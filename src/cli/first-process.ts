import { STOPPING, statusOf } from "./signals.js";

/**
 * Ends the first process of a container at Ctrl-C, SIGTERM and SIGHUP until a command handles them itself, while a model is
 * loaded for example: the kernel does not end that process by a signal without a handler.
 */
export function endAsFirstProcess(): void {
  if (process.pid !== 1) return;
  const end = (name: NodeJS.Signals) => {
    if (process.listenerCount(name) === 1) process.exit(statusOf(name));
  };
  for (const name of STOPPING) process.on(name, end);
}
