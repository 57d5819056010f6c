/**
 * What specs are described and checked with. A file of its own because the build puts TypeBox into it: 680 small modules
 * would cost every start, and every start of a thread, half a second.
 */
export { type Static, Type } from "typebox";
export { Compile } from "typebox/compile";
