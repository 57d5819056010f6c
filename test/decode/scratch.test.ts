import { test } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { gunzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import type { CompiledSpec } from "../../src/spec/compiled.js";
const cols = ["label", ...Array.from({length:13},(_, i)=>`I${i+1}`), ...Array.from({length:26},(_, i)=>`C${i+1}`)];
export const spec = { name:"x", seed:42, batch:1024, window:1, events:{format:"tsv",columns:cols,header:false,separator:"\t"},
 label:{from:"label",positive:{equals:"1"},weight:null,time:null,id:null,oracle:null},
 fields: cols.slice(1).map(name=> name[0]==="I"?({name,type:"numeric",from:name,transform:"log1p",missing:0}):({name,type:"categorical",from:name})),
 tables:[{name:"ids",role:"embedding",encoding:"hash",rows:1000,dim:4,init:0,optimizer:{kind:"sgd",learning_rate:1},seed:"0123456789abcdef",cells:cols.slice(14).map(field=>({field,kind:"single",seed:"0123456789abcdef"}))}],
 numbers: cols.slice(1,14), tower:{} } as unknown as CompiledSpec;
test("smoke", () => {
  const data = gunzipSync(readFileSync("../shared/data/criteo-kaggle-10k/train-10k.txt.gz"));
  const d = new Decoder(spec,{capacity:1024});
  let at=0, rows=0; const t=performance.now();
  while(true){ 
    if (d.scan()==="full"){ const x=d.take(); rows+=x.batch.rows; continue }
    if (at===data.length) break;
    const room=d.room(); const n=Math.min(room.length,data.length-at); room.set(data.subarray(at,at+n)); d.commit(n); at+=n;
    if (at===data.length) d.endFile();
  }
  const x=d.take(); rows+=x.batch.rows;
  console.log(rows, x.offset, data.length, x.row, x.rejects.slice(0,3), x.batch.numbers.slice(0,13), x.batch.keys(0).slice(0,3), x.batch.labels.slice(0,8), x.distinct.length, performance.now()-t);
});
