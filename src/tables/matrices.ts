/** Views of one size over a memory that may grow, cached by address until it grows. */
export class Matrices {
  private readonly memory: WebAssembly.Memory;
  private readonly floats: number;
  private readonly views = new Map<number, Float32Array>();

  constructor(memory: WebAssembly.Memory, floats: number) {
    this.memory = memory;
    this.floats = floats;
  }

  /** f32[floats] at an address. */
  at(address: number): Float32Array {
    const { buffer } = this.memory;
    const known = this.views.get(address);
    if (known?.buffer === buffer) return known;
    const view = new Float32Array(buffer, address >>> 0, this.floats);
    this.views.set(address, view);
    return view;
  }
}
