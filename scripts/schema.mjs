// Writes features/schema.json from src/spec/schema.ts (run `npm run build` first; a test fails if the file is out of date).
import { writeFileSync } from "node:fs";
import { schemaJson } from "../dist/spec/schema.js";

writeFileSync(new URL("../features/schema.json", import.meta.url), schemaJson());
