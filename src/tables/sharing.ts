import type { TableKernel } from "../kernels/table.js";
import { sharedMemory } from "../kernels/wasm.js";

/** A store's memory for sharing between threads. */
export interface SharedStore {
  readonly memory: WebAssembly.Memory;
  /** Address of each reader's workspace, and its size. */
  readonly workspaces: readonly number[];
  readonly workspaceBytes: number;
  /** Where the kernel publishes the store's current layout. */
  readonly at: number;
}

/**
 * How the rows of a model's stores are shared: the owner opens them for a number of readers and publishes their
 * location; each reader, in a separate thread, attaches to them. A reader's workspace is its own part of the memory.
 */
export type Sharing =
  | { readonly role: "owner"; readonly readers: number; readonly stores: Map<string, SharedStore> }
  | { readonly role: "reader"; readonly reader: number; readonly stores: ReadonlyMap<string, SharedStore> };

/** Bytes that `open` needs in addition to the row's floats. */
const SPARE = 256;

/** The memory of a store; undefined: it creates its own. */
export function memoryOf(sharing: Sharing | undefined, name: string): WebAssembly.Memory | undefined {
  if (sharing?.role === "reader") return sharing.stores.get(name)!.memory;
  return sharing && sharedMemory();
}

/** One store's part in the sharing. */
export class StoreSharing {
  /** Where the kernel publishes the store's current layout. */
  readonly at: number;
  private readonly reads: boolean;
  private readonly kernel: TableKernel;

  private constructor(kernel: TableKernel, at: number, reads: boolean) {
    this.kernel = kernel;
    this.at = at;
    this.reads = reads;
  }

  /** Begins a reader's workspace, empty, in its part. Call before allocating any. @returns where workspace begins */
  static enter(kernel: TableKernel, sharing: Sharing | undefined, name: string): number {
    if (sharing?.role !== "reader") return kernel.workspaceEnd.value >>> 0;
    const { memory, workspaces, workspaceBytes } = sharing.stores.get(name)!;
    const at = workspaces[sharing.reader];
    new Uint8Array(memory.buffer, at, workspaceBytes).fill(0);
    kernel.useWorkspace(at);
    return at;
  }

  /**
   * Reserves the readers' workspaces, each as large as the owner's from `start` on. Call after the owner has allocated
   * all of it.
   * @param row bytes that `open` needs
   */
  static begin(
    kernel: TableKernel,
    memory: WebAssembly.Memory,
    sharing: Sharing | undefined,
    name: string,
    start: number,
    row: number,
  ): StoreSharing | null {
    if (!sharing) return null;
    if (sharing.role === "reader") return new StoreSharing(kernel, sharing.stores.get(name)!.at, true);
    const workspaceBytes = (kernel.workspaceEnd.value >>> 0) - start + row + SPARE;
    const workspaces = Array.from({ length: sharing.readers }, () => kernel.workspace(workspaceBytes) >>> 0);
    const at = kernel.workspace(SPARE) >>> 0;
    sharing.stores.set(name, { memory, workspaces, workspaceBytes, at });
    return new StoreSharing(kernel, at, false);
  }

  /** For a reader: updates its view of the store. */
  refresh(): void {
    if (this.reads) this.kernel.refresh(this.at);
  }

  /** For the owner: publishes the store's current layout to readers. */
  tell(): void {
    if (!this.reads) this.kernel.share(this.at);
  }

  /** Opens the store, or attaches to it. @returns 0 if there is no room */
  open(exact: number, rows: number, stateBytes: number, seed: bigint, init: number): number {
    if (this.reads) return this.kernel.attach(exact, stateBytes, seed, init, this.at);
    const opened = this.at && this.kernel.open(exact, rows, stateBytes, seed, init);
    this.tell();
    return opened;
  }
}
