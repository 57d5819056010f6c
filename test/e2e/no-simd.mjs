// What V8 does on a processor without SSE4.1.
WebAssembly.Module = class {
  constructor() {
    throw new WebAssembly.CompileError("WebAssembly.Module(): Wasm SIMD unsupported @+42");
  }
};
