/** How a tensor's elements of one type become JSON text, which the decoder reads: an integer keeps all its digits. */
export interface Datatype {
  /** Bytes per element; 0: each is preceded by its length (BYTES). */
  readonly size: number;
  readonly kind: "text" | "integer" | "float" | "boolean";
  /** The JSON text of the element at a byte; undefined: not a finite number. */
  read(view: DataView, at: number): string | undefined;
  /** The JSON text of an element given as JSON; undefined: it does not have this type. */
  check(json: string): string | undefined;
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const finite = (x: number) => (Number.isFinite(x) ? String(x) : undefined);
const isNumber = (json: string) => /^[-\d]/.test(json);

function integer(bits: number, signed: boolean, read: (view: DataView, at: number) => number | bigint): Datatype {
  const least = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  const most = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  const check = (json: string) => {
    if (!INTEGER.test(json) || json.length > 20) return undefined;
    const value = BigInt(json);
    return value >= least && value <= most ? String(value) : undefined;
  };
  return { size: bits / 8, kind: "integer", read: (view, at) => String(read(view, at)), check };
}

function float(size: number, read: (view: DataView, at: number) => number, round: (x: number) => number): Datatype {
  const check = (json: string) => (isNumber(json) ? finite(round(Number(json))) : undefined);
  return { size, kind: "float", read: (view, at) => finite(read(view, at)), check };
}

/** The supported datatypes of the Open Inference Protocol. */
export const datatypes: Readonly<Record<string, Datatype>> = {
  BOOL: {
    size: 1,
    kind: "boolean",
    read: (view, at) => (view.getUint8(at) > 1 ? undefined : String(view.getUint8(at) === 1)),
    check: (json) => (json === "true" || json === "false" ? json : undefined),
  },
  INT8: integer(8, true, (view, at) => view.getInt8(at)),
  INT16: integer(16, true, (view, at) => view.getInt16(at, true)),
  INT32: integer(32, true, (view, at) => view.getInt32(at, true)),
  INT64: integer(64, true, (view, at) => view.getBigInt64(at, true)),
  UINT8: integer(8, false, (view, at) => view.getUint8(at)),
  UINT16: integer(16, false, (view, at) => view.getUint16(at, true)),
  UINT32: integer(32, false, (view, at) => view.getUint32(at, true)),
  UINT64: integer(64, false, (view, at) => view.getBigUint64(at, true)),
  FP32: float(4, (view, at) => view.getFloat32(at, true), Math.fround),
  FP64: float(
    8,
    (view, at) => view.getFloat64(at, true),
    (x) => x,
  ),
  BYTES: { size: 0, kind: "text", read: () => undefined, check: (json) => (json.startsWith('"') ? json : undefined) },
};
