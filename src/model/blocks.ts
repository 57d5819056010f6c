import type { Checkpoint } from "../checkpoints/checkpoint.js";
import type { StateBlock } from "./model.js";

/** A checkpoint's blocks by name, in the order of their names, each read (and verified) when it is asked for. */
export function blocksOf(checkpoint: Checkpoint): ReadonlyMap<string, StateBlock> {
  return new LazyBlocks(checkpoint);
}

class LazyBlocks implements ReadonlyMap<string, StateBlock> {
  private readonly checkpoint: Checkpoint;

  constructor(checkpoint: Checkpoint) {
    this.checkpoint = checkpoint;
  }

  get size(): number {
    return this.checkpoint.blocks.length;
  }

  has(name: string): boolean {
    return this.checkpoint.has(name);
  }

  get(name: string): StateBlock | undefined {
    return this.has(name) ? this.read(name) : undefined;
  }

  keys(): MapIterator<string> {
    return this.checkpoint.blocks.map(({ name }) => name).values();
  }

  *values(): MapIterator<StateBlock> {
    for (const name of this.keys()) yield this.read(name);
  }

  *entries(): MapIterator<[string, StateBlock]> {
    for (const name of this.keys()) yield [name, this.read(name)];
  }

  [Symbol.iterator](): MapIterator<[string, StateBlock]> {
    return this.entries();
  }

  forEach(each: (block: StateBlock, name: string, blocks: ReadonlyMap<string, StateBlock>) => void): void {
    for (const [name, block] of this) each(block, name, this);
  }

  private read(name: string): StateBlock {
    return this.checkpoint.read(name) as StateBlock;
  }
}
