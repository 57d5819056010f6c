import type { AnyType, ListType, RecordType, UnionType } from "../event-schemas/types.js";
import { constantOf } from "../kernels/layouts.js";
import { type Arena, Struct } from "./arena.js";
import { nameBelow, type Place, type Places, slotsOf } from "./places.js";
import { codeOf, TypeLayout } from "./type-layout.js";

/** A range of steps in the kernel's memory. */
export interface Steps {
  readonly at: number;
  readonly end: number;
}

/** Compiles a schema into steps that read events into the slots of a plan; values that no slot wants are skipped. */
export class AvroSteps {
  private readonly arena: Arena;
  private readonly places: Places;
  private readonly types: TypeLayout;

  constructor(arena: Arena, places: Places) {
    this.arena = arena;
    this.places = places;
    this.types = new TypeLayout(arena);
  }

  of(type: AnyType): Steps {
    return this.arena.structs(this.steps(type, this.places.root));
  }

  /** @param place the place the value belongs to, if any */
  private steps(type: AnyType, place: Place | undefined): Struct[] {
    if (place === undefined || place.first === place.end) return this.pass(type);
    if (type.kind === "record") return this.record(type, place);
    if (type.kind === "union") return [this.union(type, place)];
    if (type.kind === "map") return this.map(type, place);
    // As in JSON: if members are expected where another value stands, that is an error; if it is null, they are
    // missing.
    const below = place.children.size > 0 || type.kind === "null" ? [this.mark(type, place)] : [];
    if (place.slots === 0) return [...below, ...this.pass(type)];
    if (type.kind === "array") return [...below, this.render(type, place, 0)];
    return [...below, ...this.put(type, place)];
  }

  private pass(type: AnyType): Struct[] {
    if (type.kind === "null") return [];
    const isScalar = !["record", "union", "map", "array"].includes(type.kind);
    return [this.step(isScalar ? codeOf(type) : constantOf("scan", "PASS"), type)];
  }

  private put(type: AnyType, place: Place): Struct[] {
    if (type.kind === "null") return [];
    const slot = slotsOf(this.places, place).at;
    return [this.step(codeOf(type), type, { slot, number: +this.places.onlyNumber(place.path) })];
  }

  private render(type: AnyType, place: Place, stay: number): Struct {
    return this.step(constantOf("scan", "RENDER"), type, { slot: slotsOf(this.places, place).at, stay });
  }

  private mark(type: AnyType, place: Place): Struct {
    const { at: list, end: listEnd } = slotsOf(this.places, place);
    const count = constantOf("scan", type.kind === "null" ? "MISSING" : "MISPLACED");
    return this.step(constantOf("scan", "MARK"), type, { list, listEnd, count });
  }

  private record(type: RecordType, place: Place): Struct[] {
    const whole = place.slots > 0 ? [this.render(type, place, 1)] : [];
    return [...whole, ...type.fields.flatMap((field) => this.steps(field.type, place.children.get(field.name)))];
  }

  private union(type: UnionType, place: Place): Struct {
    const parts = type.branches.map((branch) => {
      const { at: steps, end: stepsEnd } = this.arena.structs(this.steps(branch, place));
      return new Struct("Part", { steps, stepsEnd });
    });
    return this.step(codeOf(type), type, { list: this.arena.structs(parts).at, count: parts.length });
  }

  /** A map's keys may contain dots, so a path may be split at any of its dots. */
  private map(type: ListType, place: Place): Struct[] {
    if (place.children.size === 0) return [this.render(type, place, 0)];
    const whole = place.slots > 0 ? [this.render(type, place, 1)] : [];
    const entries = below(place).map((inner) => {
      const bytes = Buffer.from(nameBelow(place, inner));
      const { at: steps, end: stepsEnd } = this.arena.structs(this.steps(type.items, inner));
      return new Struct("Entry", { name: this.arena.bytes(bytes), size: bytes.length, steps, stepsEnd });
    });
    const { at: list, end: listEnd } = this.arena.structs(entries);
    return [...whole, this.step(codeOf(type), type, { list, listEnd })];
  }

  private step(code: number, type: AnyType, rest: Readonly<Record<string, number>> = {}): Struct {
    const count = type.kind === "enum" ? type.symbols.length : 0;
    const none = { slot: 0, list: 0, listEnd: 0, number: 0, stay: 0 };
    return new Struct("Step", { ...none, code, count, type: this.types.at(type), ...rest });
  }
}

function below(place: Place): Place[] {
  return [...place.children.values()].flatMap((child) => [child, ...below(child)]);
}
