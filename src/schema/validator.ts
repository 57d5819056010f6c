import { Compile } from "./compile.js";
import type { Static, TSchema } from "./typebox.js";

/**
 * Checks a value that was read and describes what is wrong with it: "/files/0/bytes must be integer".
 * @throws what `wrong` makes of that description
 */
export type Validator<T> = (value: unknown, wrong: (what: string) => Error) => T;

/** Made from a schema, which is compiled on first use. */
export function validator<S extends TSchema>(schema: S): Validator<Static<S>> {
  const compiled = once(() => Compile(schema));
  return (value, wrong) => {
    if (compiled().Check(value)) return value as Static<S>;
    const [, [error]] = compiled().Errors(value);
    const what = error?.keyword === "boolean" ? "is unknown" : (error?.message ?? "is invalid");
    throw wrong(`${error?.instancePath || "/"} ${what}`);
  };
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
