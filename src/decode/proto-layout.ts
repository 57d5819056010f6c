import type { MessageField, ProtoType } from "../event-schemas/proto-types.js";
import { constantOf, structOf } from "../kernels/layouts.js";
import { type Arena, Struct } from "./arena.js";

const own = (name: string): number => constantOf("scan", name);

/** The kernel's code of a type. */
function kindOf(type: ProtoType): number {
  if (type.kind === "symbols") return own("PB_ENUM");
  if (type.kind === "message") return own(`PB_${(type.is ?? "message").toUpperCase()}`);
  return own(`PB_${type.of === "bytes" ? "STRING" : type.of.toUpperCase()}`);
}

const wide: readonly string[] = ["fixed64", "sfixed64", "double"];
const narrow: readonly string[] = ["fixed32", "sfixed32", "float"];

/** The wire type of one value of a field. */
export function wireOf({ type, group }: MessageField): number {
  if (type.kind === "message") return own(group ? "GROUP" : "LEN");
  if (type.kind === "symbols") return own("VARINT");
  if (type.of === "string" || type.of === "bytes") return own("LEN");
  return own(wide.includes(type.of) ? "I64" : narrow.includes(type.of) ? "I32" : "VARINT");
}

export const manyOf = ({ many }: MessageField): number =>
  own(many === "list" ? "PB_LIST" : many === "map" ? "PB_MAP" : "PB_ONE");

/** Lays types of .proto schemas out in the kernel's memory (struct ProtoType), each once. */
export class ProtoLayout {
  private readonly arena: Arena;
  private readonly laid = new Map<ProtoType | string, number>();

  constructor(arena: Arena) {
    this.arena = arena;
  }

  /** Address of a type. */
  at(type: ProtoType): number {
    const key = type.kind === "scalar" ? type.of : type;
    const known = this.laid.get(key);
    if (known !== undefined) return known;
    const at = this.arena.take(structOf("scan", "ProtoType").size);
    this.laid.set(key, at);
    const { count, list } = this.list(type);
    const closed = +(type.kind === "symbols" && type.closed);
    this.arena.write(at, new Struct("ProtoType", { kind: kindOf(type), count, list, closed }).bytes());
    return at;
  }

  private list(type: ProtoType): { count: number; list: number } {
    if (type.kind === "scalar") return { count: 0, list: 0 };
    const laid = type.kind === "symbols" ? this.symbols(type.symbols) : type.fields.map((one) => this.member(one));
    return { count: laid.length, list: this.arena.structs(laid).at };
  }

  private symbols(symbols: ReadonlyMap<number, string>): Struct[] {
    const ordered = [...symbols].sort(([a], [b]) => a - b);
    return ordered.map(([number, name]) => {
      const bytes = Buffer.from(name);
      return new Struct("EnumSymbol", { number: number >>> 0, at: this.arena.bytes(bytes), size: bytes.length });
    });
  }

  private member(field: MessageField): Struct {
    const name = Buffer.from(`${JSON.stringify(field.name)}:`);
    const none = Buffer.from(jsonOf(field.absent));
    return new Struct("ProtoMember", {
      number: field.number,
      wire: wireOf(field),
      many: manyOf(field),
      type: this.at(field.type),
      at: this.arena.bytes(name),
      size: name.length,
      none: this.arena.bytes(none),
      noneSize: none.length,
      oneof: field.oneof ?? 0,
    });
  }
}

/** The JSON of an absent value's default. */
function jsonOf(absent: MessageField["absent"]): string {
  if (absent === undefined) return "";
  return typeof absent === "bigint" ? String(absent) : JSON.stringify(absent);
}
