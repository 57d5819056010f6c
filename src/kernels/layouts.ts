import { type KernelName, moduleOf } from "./wasm.js";

type FieldType = "u8" | "u16" | "u32" | "u64" | "f32" | "f64";

/** A struct of a kernel: its size in bytes, and the offset and type of each field. Pointers are u32. */
export interface StructLayout {
  readonly size: number;
  readonly fields: Readonly<Record<string, readonly [offset: number, type: FieldType]>>;
}

interface Layouts {
  readonly structs: Readonly<Record<string, StructLayout>>;
  readonly constants: Readonly<Record<string, number>>;
}

const known = new Map<KernelName, Layouts>();

/** A kernel module's own description of its layouts (scripts/layouts.mjs), so that the host need not repeat them. */
function layoutsOf(kernel: KernelName): Layouts {
  let layouts = known.get(kernel);
  if (!layouts) {
    const [section] = WebAssembly.Module.customSections(moduleOf(kernel), "layouts");
    layouts = JSON.parse(new TextDecoder().decode(section)) as Layouts;
    known.set(kernel, layouts);
  }
  return layouts;
}

/** The layout of a kernel's struct. @throws Error if the kernel has no struct of this name */
export function structOf(kernel: KernelName, name: string): StructLayout {
  return named(layoutsOf(kernel).structs, name, `kernel ${kernel}: no struct`);
}

/** Offset of a struct's field, in bytes. @throws Error if there is none of this name */
export function offsetOf(kernel: KernelName, struct: string, field: string): number {
  return named(structOf(kernel, struct).fields, field, `kernel ${kernel}: ${struct} has no field`)[0];
}

/** An integer constant shared by a kernel's files. @throws Error if there is none of this name */
export function constantOf(kernel: KernelName, name: string): number {
  return named(layoutsOf(kernel).constants, name, `kernel ${kernel}: no constant`);
}

function named<T>(values: Readonly<Record<string, T>>, name: string, missing: string): T {
  if (Object.hasOwn(values, name)) return values[name];
  throw new Error(`${missing} ${name}`);
}

const writers: Record<FieldType, (view: DataView, at: number, value: number | bigint) => void> = {
  u8: (view, at, value) => view.setUint8(at, Number(value)),
  u16: (view, at, value) => view.setUint16(at, Number(value), true),
  u32: (view, at, value) => view.setUint32(at, Number(value), true),
  u64: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  f32: (view, at, value) => view.setFloat32(at, Number(value), true),
  f64: (view, at, value) => view.setFloat64(at, Number(value), true),
};

const readers: Record<FieldType, (view: DataView, at: number) => number | bigint> = {
  u8: (view, at) => view.getUint8(at),
  u16: (view, at) => view.getUint16(at, true),
  u32: (view, at) => view.getUint32(at, true),
  u64: (view, at) => view.getBigUint64(at, true),
  f32: (view, at) => view.getFloat32(at, true),
  f64: (view, at) => view.getFloat64(at, true),
};

/** Reads the fields of `count` consecutive structs from the start of `bytes`. */
export function structsIn(kernel: KernelName, name: string, bytes: Uint8Array, count: number) {
  const { size, fields } = structOf(kernel, name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, count * size);
  const read = (from: number): Readonly<Record<string, number | bigint>> =>
    Object.fromEntries(Object.entries(fields).map(([field, [at, type]]) => [field, readers[type](view, from + at)]));
  return Array.from({ length: count }, (_, i) => read(i * size));
}

/**
 * The bytes of a struct.
 * @param values of every field except `pad`
 * @throws Error if a field is missing or unknown
 */
export function structBytes(kernel: KernelName, name: string, values: Readonly<Record<string, number | bigint>>) {
  const { size, fields } = structOf(kernel, name);
  const view = new DataView(new ArrayBuffer(size));
  for (const field of Object.keys(values)) offsetOf(kernel, name, field);
  for (const [field, [at, type]] of Object.entries(fields)) {
    if (field !== "pad") writers[type](view, at, named(values, field, `kernel ${kernel}: ${name} needs a`));
  }
  return new Uint8Array(view.buffer);
}
