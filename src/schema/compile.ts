/** What checks values against schemas: apart from what makes schemas, since few starts check one (typebox.ts says why in a file of its own). */
export { Compile } from "typebox/schema";
