/**
 * The Protocol Buffers messages of ONNX files. In a file of its own, so that the build can include the library: installed, it would bring 24 MB
 * and an install script, which npm asks users about.
 */
import onnxProto from "onnx-proto";

export type { onnx as Onnx } from "onnx-proto";
export const { onnx } = onnxProto;
