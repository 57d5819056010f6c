/**
 * Compiles validators from schemas. Apart from the schema builders, since few commands need it when they start
 * (typebox.ts says why that matters).
 */
export { Compile } from "typebox/schema";
