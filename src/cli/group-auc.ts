import type { GroupedQuality } from "../metrics/grouped.js";
import type { GroupReport } from "../train/evaluation/group-auc.js";
import { count, figure } from "./progress.js";

/** AUC within groups: a line for all events and one for the window. */
export function groupLines({ field, window, ...all }: GroupReport): string[] {
  const head = line(`AUC within ${field}`, all);
  return window ? [head, line("  last window", window)] : [head];
}

function line(name: string, q: GroupedQuality): string {
  const more = [
    `${count(q.one_class)} with only one class left out`,
    ...(q.ungrouped > 0 ? [`${count(q.ungrouped)} events without a group`] : []),
    ...(q.share < 1 ? [`sample of 1/${1 / q.share} of the groups`] : []),
  ];
  const groups = `${count(q.groups)} groups, ${count(q.events)} events; ${more.join(", ")}`;
  return `  ${name.padEnd(22)} GAUC ${figure(q.auc)}, by clicks ${figure(q.auc_by_clicks)}  (${groups})`;
}
