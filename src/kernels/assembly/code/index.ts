// Kernel module `code`: the dense codes of deep hash embeddings, a batch's matrices, and a cache of decoded vectors.
export { codesAt, decodedAt, encode, gradientsAt, keysAt, openCodes, vectorsAt } from "./batch";
export { forget, look, openCache, settle } from "./cache";
export { setLimit } from "../table/memory";
