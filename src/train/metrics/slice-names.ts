import type { Calibrator } from "../../calibration/calibrator.js";
import type { Batch } from "../../core/batch.js";
import { keptRows } from "../../decode/kept-rows.js";
import { fieldOf } from "../../fields/index.js";
import type { CompiledSpec } from "../../spec/compiled.js";

/**
 * Sources of the texts of the slices' values, which are kept beside the events. For slices of crosses and buckets there
 * are only keys.
 */
export function sliceSource({ calibration, fields }: CompiledSpec): string[] {
  const field = fields.find(({ name }) => name === calibration?.by);
  return field && "from" in field && fieldOf(field.type).reads === "text" ? [field.from] : [];
}

/** Gives a calibrator the texts of values that have no slice yet, before it learns their batch. */
export function nameSlices(calibrator: Calibrator, batch: Batch, kept: Uint8Array): void {
  const rows = new Set(calibrator.unnamed(batch));
  if (rows.size === 0) return;
  let row = 0;
  for (const { rejected, values } of keptRows(kept, 1)) {
    if (rejected !== null) continue;
    if (rows.has(row)) calibrator.name(batch, row, values[0].text || "(none)");
    row++;
  }
}
