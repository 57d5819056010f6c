import type { AnyType } from "../event-schemas/types.js";
import { leastBytes } from "../event-schemas/types.js";
import { constantOf, structOf } from "../kernels/layouts.js";
import { type Arena, Pointer, Struct } from "./arena.js";

const kinds = {
  null: "NULL",
  boolean: "BOOL",
  integer: "INTEGER",
  float: "FLOAT",
  double: "DOUBLE",
  text: "BYTES",
  fixed: "FIXED",
  enum: "ENUM",
  union: "UNION",
  array: "LIST",
  map: "MAP",
  record: "RECORD",
} as const;

/** The kernel's code of a type. */
export const codeOf = ({ kind }: AnyType): number => constantOf("scan", kinds[kind]);

/** Lays types of schemas out in the kernel's memory (struct Type), each once. */
export class TypeLayout {
  private readonly arena: Arena;
  private readonly laid = new Map<AnyType, number>();

  constructor(arena: Arena) {
    this.arena = arena;
  }

  /** Address of a type. */
  at(type: AnyType): number {
    const known = this.laid.get(type);
    if (known !== undefined) return known;
    const at = this.arena.take(structOf("scan", "Type").size);
    this.laid.set(type, at);
    const { count, list } = this.list(type);
    const { times = 1, parts = undefined } = type.kind === "integer" ? type : {};
    const isTime = type.kind === "integer" && (type.times ?? type.parts) !== undefined;
    const decimal = "decimal" in type && type.decimal !== undefined ? type.decimal + 1 : 0;
    const scales = { times: isTime ? times : 0, parts: isTime ? (parts ?? 1) : 0, decimal };
    this.arena.write(
      at,
      new Struct("Type", { kind: codeOf(type), count, list, least: leastBytes(type), ...scales }).bytes(),
    );
    return at;
  }

  private list(type: AnyType): { count: number; list: number } {
    if (type.kind === "fixed") return { count: type.size, list: 0 };
    if (type.kind === "array" || type.kind === "map") return { count: 1, list: this.pointers([type.items]) };
    if (type.kind === "union") return { count: type.branches.length, list: this.pointers(type.branches) };
    if (type.kind === "enum")
      return { count: type.symbols.length, list: this.names(type.symbols.map((name) => ({ name, type: 0 }))) };
    if (type.kind !== "record") return { count: 0, list: 0 };
    const fields = type.fields.map((field) => ({ name: field.name, type: this.at(field.type) }));
    return { count: fields.length, list: this.names(fields) };
  }

  private pointers(types: readonly AnyType[]): number {
    return this.arena.structs(types.map((type) => new Pointer(this.at(type)))).at;
  }

  private names(list: readonly { name: string; type: number }[]): number {
    return this.arena.structs(
      list.map(({ name, type }) => {
        const bytes = Buffer.from(name);
        return new Struct("Name", { at: this.arena.bytes(bytes), size: bytes.length, type });
      }),
    ).at;
  }
}
