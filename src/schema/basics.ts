import { Type } from "./typebox.js";

/** Names of fields, tables and models. A range like `C1..C26` is a name too, until it is expanded. */
export const NAME = "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$";
export const TABLE_NAME = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$";

export const closed = { additionalProperties: false };
export const optional = Type.Optional;
export const text = (description: string, options = {}) => Type.String({ minLength: 1, description, ...options });
/** Texts that mean that a value is missing. */
export const nullValues = (description: string) =>
  Type.Array(
    Type.Union([
      Type.String({ maxLength: 1024, description: "A text, exactly as in the data." }),
      Type.Number({ description: "A number; its text is compared." }),
    ]),
    { minItems: 1, maxItems: 64, description },
  );
export const size = (description: string, options = {}) =>
  Type.Integer({ minimum: 1, maximum: 4096, description, ...options });
export const whole = (description: string, value?: number, maximum = 2 ** 32 - 1) =>
  optional(Type.Integer({ minimum: 1, maximum, description, ...(value !== undefined && { default: value }) }));
/** Above 0 and below 1. */
export const share = (description: string) =>
  optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description }));
export const atLeastZero = (description: string, value: number) =>
  Type.Number({ minimum: 0, default: value, description });
export const aboveZero = (description: string, value: number) =>
  Type.Number({ exclusiveMinimum: 0, default: value, description });
export const widths = (description: string, value: readonly number[]) =>
  Type.Array(size("Units."), { maxItems: 64, default: value, description });
