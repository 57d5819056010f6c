import { Worker } from "node:worker_threads";

/** The number of threads that `work` starts: they are numbered in the order of their start. */
export async function startedBy(work: () => Promise<unknown>): Promise<number> {
  const before = await numberOfNext();
  await work();
  return (await numberOfNext()) - before - 1;
}

async function numberOfNext(): Promise<number> {
  const probe = new Worker("", { eval: true });
  const { threadId } = probe;
  await new Promise((resolve) => probe.once("exit", resolve));
  return threadId;
}
