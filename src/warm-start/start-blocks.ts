import type { Block, FiledBlocks } from "../core/blocks.js";

/**
 * The blocks a model starts with: its own, except those that are replaced by given ones or taken from a checkpoint, which
 * are read when they are restored.
 */
export class StartBlocks extends Map<string, Pick<Block, "data">> implements FiledBlocks {
  private readonly saved: FiledBlocks;
  private readonly taken = new Set<string>();

  constructor(own: readonly Block[], saved: FiledBlocks) {
    super(own.map((block) => [block.name, block]));
    this.saved = saved;
  }

  /** Takes blocks of these names from the checkpoint. */
  take(names: readonly string[]): void {
    for (const name of names) this.taken.add(name);
  }

  override get(name: string): Pick<Block, "data"> | undefined {
    return this.taken.has(name) ? this.saved.get(name) : super.get(name);
  }

  sizeOf(name: string): number | undefined {
    return this.taken.has(name) ? this.saved.sizeOf(name) : super.get(name)?.data.byteLength;
  }

  readInto(name: string, target: Uint8Array): void {
    if (this.taken.has(name)) this.saved.readInto(name, target);
    else target.set(super.get(name)!.data);
  }
}
