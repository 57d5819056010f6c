import { type CompiledField, fieldOf } from "../../fields/index.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { learnsByEvent } from "../../towers/index.js";

/** A spec's description for clients: fields, the meaning of missing ones, and tables. */
export function cardOf(spec: CompiledSpec) {
  return {
    label: spec.label,
    fields: spec.fields.map((field) => ({
      name: field.name,
      type: field.type,
      ...("of" in field ? { of: field.of } : { from: field.from }),
      missing: whenMissing(spec, field),
    })),
    tables: spec.tables.map(({ name, encoding, dim, role, cells }) => ({
      name,
      encoding,
      dim,
      role,
      fields: cells.filter(({ kind }) => kind !== "bias").map(({ field }) => field),
    })),
  };
}

function whenMissing(spec: CompiledSpec, field: CompiledField): string {
  const kind = fieldOf(field.type);
  const leftOut = kind.cell === "number" && learnsByEvent(spec.tower.kind);
  return leftOut ? "is ignored" : kind.whenMissing(field);
}
