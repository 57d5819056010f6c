import { optimizerContract } from "./optimizer.contract.js";
import { optimizerSpecs } from "./specs.js";

for (const [name, spec] of Object.entries(optimizerSpecs)) optimizerContract(name, spec);
