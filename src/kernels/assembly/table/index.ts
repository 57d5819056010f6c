// Kernel module `table`: the rows of one embedding table (or the dense weights of a tower) and their optimizer.
export {
  apply,
  coefficientsAt,
  gather,
  gradientAt,
  gradientUsable,
  keysAt,
  openBatch,
  outputAt,
  setList,
} from "./batch";
export { denseInitialise, denseStep, denseUsable } from "./dense";
export { adamRestore, power1, power2 } from "./gradient";
export { setLimit, workspace } from "./memory";
export { beginStep, configureOptimizer, configureRow, setServing } from "./optimizer";
export {
  adoptBitmap,
  adoptRows,
  changesAddress,
  indexAddress,
  isTouched,
  open,
  packRows,
  remove,
  reserve,
  rowCapacity,
  rowCount,
  rowOf,
  rowPtr,
  rowFor,
  rowsAddress,
  track,
  weightsOf,
} from "./store";
export { logits, openEvents, setBag, setConstant, setParts } from "./events";
export { learnFm, openFm, scoreFm } from "./fm";
export { learnLinear, openLinear, scoreLinear } from "./linear";
