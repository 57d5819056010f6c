import { runtimeContract } from "./contract.js";

runtimeContract("tensorflow");
