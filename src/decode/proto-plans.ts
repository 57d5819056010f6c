import type { MessageField, MessageType } from "../event-schemas/proto-types.js";
import { constantOf, structOf } from "../kernels/layouts.js";
import { type Arena, Pointer, Struct } from "./arena.js";
import type { ScanKernel } from "./kernel.js";
import { nameBelow, type Place, type Places, slotsOf } from "./places.js";
import { manyOf, ProtoLayout, wireOf } from "./proto-layout.js";

/** Fields below this number are found by a direct index, others by search. */
const DIRECT = 1024;
const SLACK = 64;

/** A field that is read, and its position. */
interface Laid {
  readonly field: MessageField;
  readonly place: Place | undefined;
  readonly at: number;
}

/** Compiles types into plans (struct Message) that read messages into slots; values that no slot wants are skipped. */
export class ProtoPlans {
  private readonly arena: Arena;
  private readonly places: Places;
  private readonly types: ProtoLayout;

  constructor(kernel: ScanKernel, arena: Arena, places: Places) {
    this.arena = arena;
    this.places = places;
    this.types = new ProtoLayout(arena);
    kernel.setSpare(arena.take(constantOf("scan", "SPARE_BYTES") + SLACK));
  }

  /** Address of the plan. */
  of(type: MessageType): number {
    return this.message(type.fields, (field) => childOf(this.places.root, field), this.places.root);
  }

  /**
   * @param placeOf the place of a field's value, if any
   * @param around the place whose slots stay as they are if nothing is read
   */
  private message(
    fields: readonly MessageField[],
    placeOf: (field: MessageField) => Place | undefined,
    around: Place,
  ): number {
    const wanted = fields.filter((field) => placeOf(field) || sharesOneof(field, fields, placeOf));
    const near = wanted.filter(({ number }) => number < DIRECT);
    const far = wanted.filter(({ number }) => number >= DIRECT).sort((a, b) => a.number - b.number);
    const size = structOf("scan", "Field").size;
    const at = this.arena.take(size * wanted.length);
    const laid = [...far, ...near].map((field, i) => ({ field, place: placeOf(field), at: at + i * size }));
    for (const one of laid) this.arena.write(one.at, this.field(one, laid).bytes());
    const direct = new Array<number>(Math.max(-1, ...near.map(({ number }) => number)) + 1).fill(0);
    for (const { field, at: to } of laid) if (field.number < DIRECT) direct[field.number] = to;
    return this.arena.struct(
      new Struct("Message", {
        direct: this.arena.words(direct),
        directCount: direct.length,
        far: at,
        farEnd: at + far.length * size,
        ...this.template(around, laid),
      }),
    );
  }

  /** The slots of a place before anything is read: the defaults of absent values. */
  private template(around: Place, laid: readonly Laid[]) {
    const { at: slots, end } = slotsOf(this.places, around);
    const size = structOf("scan", "Slot").size;
    const all = Array.from({ length: (end - slots) / size }, (_, i) => ({ ...missing, column: around.first + i }));
    for (const { field, place } of laid) {
      if (!place || field.absent === undefined || field.many) continue;
      if (place.slots > 0) Object.assign(all[place.first - around.first], this.absent(field.absent, place));
      for (let i = place.first + place.slots; i < place.end; i++) Object.assign(all[i - around.first], misplaced());
    }
    const template = this.arena.structs(all.map((slot) => new Struct("Slot", slot))).at;
    const kind = constantOf("scan", "MISPLACED");
    return { slots, template, size: end - slots, mayFail: +all.some((slot) => slot.kind === kind) };
  }

  private absent(value: NonNullable<MessageField["absent"]>, { path }: Place) {
    const isNumber = typeof value === "number" || typeof value === "bigint";
    if (isNumber && this.places.onlyNumber(path))
      return { at: this.arena.doubles([Number(value)]), size: 8, kind: constantOf("scan", "BINARY") };
    const text = Buffer.from(Object.is(value, -0) ? "0" : String(value));
    if (text.length === 0) return missing;
    const kind = isNumber ? "NUMBER" : typeof value === "boolean" ? "BOOLEAN" : "STRING";
    return { at: this.arena.bytes(text), size: text.length, kind: constantOf("scan", kind) };
  }

  private field({ field, place }: Laid, all: readonly Laid[]): Struct {
    const { at: slots, end: slotsEnd } = place ? slotsOf(this.places, place) : { at: 0, end: 0 };
    const slot = place && place.slots > 0 ? slots : 0;
    const rivals = all.filter((one) => one.field !== field && one.place && one.field.oneof === field.oneof);
    const others = this.arena.structs(field.oneof === undefined ? [] : rivals.map(({ at }) => new Pointer(at)));
    const below = place && place.children.size > 0 ? place : undefined;
    const inside = below && field.type.kind === "message" && !field.type.is && !field.many ? field.type : undefined;
    const isMisplaced = below && !inside && field.many !== "map";
    const none = { misplaced: 0, misplacedEnd: 0 };
    const ownSlots = slot ? structOf("scan", "Slot").size * place!.slots : 0;
    return new Struct("Field", {
      number: field.number,
      wire: wireOf(field),
      many: manyOf(field),
      type: this.types.at(field.type),
      slot,
      binary: +(slot !== 0 && this.places.onlyNumber(place!.path)),
      inner: inside ? this.message(inside.fields, (one) => childOf(below!, one), this.inner(below!)) : 0,
      ...this.entries(field, below),
      ...(isMisplaced ? { misplaced: slots + ownSlots, misplacedEnd: slotsEnd } : none),
      slots,
      slotsEnd,
      others: others.at,
      othersEnd: others.end,
      message: 0n,
      from: 0,
      whole: 0,
    });
  }

  /** A place without its own slot, which is filled before its contents. */
  private inner(place: Place): Place {
    return { ...place, first: place.first + place.slots, slots: 0 };
  }

  /** What is read from a map: a key may contain dots, so a path may be split at any of its dots. */
  private entries(field: MessageField, place: Place | undefined) {
    if (field.many !== "map" || !place || field.type.kind !== "message") return { entries: 0, entriesEnd: 0 };
    const value = field.type.fields[1];
    const laid = below(place).map((inner) => {
      const name = Buffer.from(nameBelow(place, inner));
      const entry = this.message([value], () => inner, inner);
      const direct = this.arena.peek(entry);
      return new Struct("ProtoEntry", {
        name: this.arena.bytes(name),
        size: name.length,
        value: this.arena.peek(direct + 4 * value.number),
        entry,
      });
    });
    const { at: entries, end: entriesEnd } = this.arena.structs(laid);
    return { entries, entriesEnd };
  }
}

const missing = { at: 0, size: 0, kind: 0 };
const misplaced = () => ({ at: 0, size: 1, kind: constantOf("scan", "MISPLACED") });

/** The place of a field's value, if anything in it is wanted. */
function childOf(place: Place, { name }: MessageField): Place | undefined {
  const child = place.children.get(name);
  return child && child.first < child.end ? child : undefined;
}

/** Whether a field clears another one's place, because both belong to one oneof. */
function sharesOneof(
  field: MessageField,
  fields: readonly MessageField[],
  placeOf: (field: MessageField) => Place | undefined,
): boolean {
  return field.oneof !== undefined && fields.some((one) => one.oneof === field.oneof && placeOf(one));
}

function below(place: Place): Place[] {
  return [...place.children.values()].flatMap((child) => [child, ...below(child)]);
}
