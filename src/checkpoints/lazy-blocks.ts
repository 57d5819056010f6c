import type { Block, FiledBlocks } from "../core/blocks.js";
import type { Checkpoint } from "./checkpoint.js";

/** A checkpoint's blocks by name, sorted, each read (and verified) on access. */
export function blocksOf(checkpoint: Checkpoint): ReadonlyMap<string, Block> & FiledBlocks {
  return new LazyBlocks(checkpoint);
}

class LazyBlocks implements ReadonlyMap<string, Block>, FiledBlocks {
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

  get(name: string): Block | undefined {
    return this.has(name) ? this.read(name) : undefined;
  }

  sizeOf(name: string): number | undefined {
    return this.has(name) ? this.checkpoint.open(name).bytes : undefined;
  }

  readInto(name: string, target: Uint8Array): void {
    this.checkpoint.readInto(name, target);
  }

  keys(): MapIterator<string> {
    return this.checkpoint.blocks.map(({ name }) => name).values();
  }

  *values(): MapIterator<Block> {
    for (const name of this.keys()) yield this.read(name);
  }

  *entries(): MapIterator<[string, Block]> {
    for (const name of this.keys()) yield [name, this.read(name)];
  }

  [Symbol.iterator](): MapIterator<[string, Block]> {
    return this.entries();
  }

  forEach(each: (block: Block, name: string, blocks: ReadonlyMap<string, Block>) => void): void {
    for (const [name, block] of this) each(block, name, this);
  }

  private read(name: string): Block {
    return this.checkpoint.read(name);
  }
}
