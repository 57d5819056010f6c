import type { ServingRows, ServingState } from "../delta-log/state.js";
import { StagedRows } from "../tables/staged-rows.js";
import type { RowStore } from "../tables/table.js";

/** An update on its way into a model that others read. Every step is for when nobody reads. */
export interface StagedUpdate {
  /** Steps that nobody sees anything of. */
  stage(): Generator<void>;
  /** From now on all of it is seen. */
  show(): void;
  /** Steps that change nothing that is seen. */
  settle(): Generator<void>;
}

/**
 * Makes room for what of an update can be put in while others read, which may move rows.
 * @param prepared what puts the rest of a piece in
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
