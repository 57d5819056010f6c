import type { Checkpoint } from "../checkpoints/checkpoint.js";
import type { StateBlock } from "./model.js";

/** A checkpoint's blocks by name, each read (and verified) when it is asked for. */
export function blocksOf(checkpoint: Checkpoint): ReadonlyMap<string, StateBlock> {
  return new LazyBlocks(checkpoint);
}

class LazyBlocks extends Map<string, StateBlock> {
  private readonly checkpoint: Checkpoint;

  constructor(checkpoint: Checkpoint) {
    super();
    this.checkpoint = checkpoint;
  }

  override get(name: string): StateBlock | undefined {
    return this.checkpoint.has(name) ? (this.checkpoint.read(name) as StateBlock) : undefined;
  }

  override has(name: string): boolean {
    return this.checkpoint.has(name);
  }
}
