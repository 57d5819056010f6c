import type { WriterFacts } from "./delta-log.js";

/**
 * Whether a log's newest entries are of another model than the writer's, of which the operator is told. The writer then
 * begins with a snapshot: new followers would find none of its model.
 * @param log names it
 * @param found the run of its newest entries; null: it has none
 */
export function takesOver({ run, tell }: WriterFacts, log: string, found: string | null): boolean {
  if (run === undefined || found === null || found === run) return false;
  tell?.(
    `${log}: its newest entries are of another model (spec ${found}), and it becomes the log of this one (spec ${run}): scorers that follow it keep the other model until they are restarted; if that is not intended, publish to another log`,
  );
  return true;
}
