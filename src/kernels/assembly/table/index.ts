// Kernel module `table`: the rows of one embedding table (or the dense weights of a tower) and their optimizer.
export {
  addGradients,
  apply,
  coefficientsAt,
  collect,
  gather,
  gatherFound,
  gradientAt,
  gradientSquares,
  gradientUsable,
  openBatch,
  outputAt,
  setList,
  spread,
} from "./batch";
export {
  applyCollected,
  clearGradients,
  distinct,
  gatherFolded,
  gatherKeys,
  keysAt,
  uniqueGradientsAt,
  uniqueWeightsAt,
} from "./distinct-rows";
export {
  expand,
  importanceAt,
  importanceGradientsAt,
  openComposition,
  reduce,
  scatter,
  setPartition,
  sourceKeysAt,
  vectorGradientsAt,
  vectorsAt,
} from "./composition";
export { restoreRoundings, roundings } from "./codec";
export { filterAddress, openAdmission } from "./admission";
export { denseAdd, denseInitialise, denseSquares, denseStep, denseUsable, widen } from "./dense";
export { ghostsAddress, openEviction } from "./eviction";
export {
  clearRemoved,
  collectRemoved,
  lifecycleAddress,
  openLifecycle,
  readClock,
  removedAddress,
  removedCount,
  removedRoom,
  setClock,
} from "./lifecycle";
export { setLimit, useWorkspace, workspace, workspaceEnd } from "./memory";
export { similarities } from "./nearest";
export { identify, numberRows } from "./numbered";
export { compareRows, plant, put, putRows, rowFor } from "./new-rows";
export { configurePrecision, configureRow, setServing, unpack } from "./row-state";
export { beginStaging, settleStaged, showStaged, stageChanged, stageNew, stageRemoved } from "./staging";
export { beginStep, configureOptimizer, restoreSteps, stepState1, stepState2 } from "./optimizers/index";
export { indexAddress, probes, seedIndex } from "./key-index";
export { packRows, rowPtr, rowsAddress } from "./row-places";
export { exportRows, nextExported } from "./row-export";
export { changesAddress } from "./changed-rows";
export { shareDefault, weightsOf } from "./default-row";
export { setUnitRows } from "./initial-rows";
export { adoptBitmap, isTouched, settleMarks, track } from "./learned-rows";
export { attach, open, refresh, share } from "./opening";
export { keepAbsent, remove, removeRow } from "./removal";
export { adoptRows, reserve, room, rowCapacity, rowCount, rowOf, rowsOf, setBudget } from "./store";
export { logits, setBag, setConstant, setKeys, setParts } from "./event-batch";
export { openEvents } from "./events";
export { beginEvents, learnEvents, openModel, scoreEvents, setFakeWeights } from "./event-loop";
export { beginLinear, learnLinear, readLinear } from "./linear";
