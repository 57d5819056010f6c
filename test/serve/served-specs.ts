import { servedSpec } from "../model/served.js";

export const tower = (encoding: string, optimizer = "adam") => servedSpec("deep_crossing", { encoding, optimizer });
/** A model of every encoding, and of towers without one. */
export const servedSpecs: [what: string, yaml: string][] = [
  ["exact", tower("exact")],
  ["exact, ftrl", tower("exact", "ftrl")],
  ["hash", tower("hash")],
  ["hash in shards", tower("hash, rows: 300, shards: 3")],
  ["exact in shards", tower("exact, shards: 2")],
  ["shared", tower("shared, rows: 64")],
  ["compositional", tower("compositional, rows: 64")],
  ["multi_hash", tower("multi_hash, rows: 64")],
  ["dhe", tower("dhe, dhe: { hashes: 16, width: 16 }")],
  ["low_dim", tower("low_dim, low_dim: { dim: 2 }")],
  ["hot_cold", tower("hot_cold, rows: 20, hot_cold: { threshold: 2, cold: { rows: 64 } }")],
  ["lr", servedSpec("lr", { optimizer: "ftrl" })],
  ["lr, calibrated", `${servedSpec("lr", { optimizer: "ftrl" })}calibration: { by: a, slices: 2 }\n`],
  ["fm", servedSpec("fm", { encoding: "hash" })],
  ["ffm", servedSpec("ffm")],
];
