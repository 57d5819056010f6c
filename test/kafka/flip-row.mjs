// Loaded before all processes of a run with owners: flips a bit of the second owner's rows before its sixth round is folded.
import "./single-modules.mjs";
import { Lanes } from "../../dist/model/lanes.js";
import { OwnerTraffic } from "../../dist/train/lanes/owners/traffic.js";

const { fold } = Lanes.prototype;
const { whole } = OwnerTraffic.prototype;
let tables = [];
Lanes.prototype.fold = function folded(round) {
  tables = this.model.tables;
  return fold.call(this, round);
};
OwnerTraffic.prototype.whole = function flipped(records, stop) {
  if (records[0].round === 5 && this.share.number === 1) {
    const blocks = tables.flatMap((table) => table.blocks());
    const { data } = blocks.find(({ name }) => /^table\/site\.\d+\//.test(name));
    data[8] ^= 1;
  }
  return whole.call(this, records, stop);
};
