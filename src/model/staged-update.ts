import type { ServingRows, ServingState } from "../delta-log/state.js";
import { StagedRows } from "../tables/staged-rows.js";
import type { RowStore } from "../tables/table.js";

/** An update in progress of a model that others read. Every step must run while there is no reader. */
export interface StagedUpdate {
  /** Steps with no visible effect. */
  stage(): Generator<void>;
  /** Makes the whole update visible. */
  show(): void;
  /** Steps that change nothing visible. */
  settle(): Generator<void>;
}

/**
 * Makes room for the part of an update that can be written while others read; this may move rows.
 * @param prepared writes the rest of a part
 * @throws HashbrookError table_full, and nothing has changed
 */
export function stagedUpdate(
  all: readonly RowStore[],
  states: readonly ServingState[],
  prepared: (state: ServingState) => () => void,
): StagedUpdate {
  const staging = all.filter(({ stages }) => stages);
  const isStaged = ({ name }: ServingRows) => staging.some(({ spec }) => spec.name === name);
  const tables = states.flatMap((state) => state.tables);
  const stores = staging.map(
    (store) =>
      new StagedRows(
        store,
        tables.filter(({ name }) => name === store.spec.name),
      ),
  );
  const rest = states.map((state) => ({ ...state, tables: state.tables.filter((rows) => !isStaged(rows)) }));
  const steps = rest.map(prepared);
  for (const rows of stores) rows.begin();
  return {
    *stage() {
      for (const rows of stores) yield* rows.stage();
    },
    show() {
      for (const rows of stores) rows.show();
      for (const step of steps) step();
    },
    *settle() {
      for (const rows of stores) yield* rows.settle();
    },
  };
}
