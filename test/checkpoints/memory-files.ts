import { basename, dirname, join } from "node:path";
import type { Files, OpenFlags } from "../../src/core/files.js";
import { quickFiles, temporaryDirectory } from "./samples.js";

/** Writes create a new `data`; the same object in both means that everything is durable. */
interface Leaf {
  data: Uint8Array;
  durable: Uint8Array;
}

/** `entries` is what programs see; `durable` is what a power failure leaves, followed by any prefix of `pending`. */
interface Folder {
  entries: Entries;
  durable: Entries;
  pending: Change[];
}

type Entries = Map<string, Leaf | Folder>;

/** The changes of names in one step: they get a node, or are removed. */
type Change = readonly (readonly [name: string, node: Leaf | Folder | undefined])[];

const newFolder = (): Folder => ({ entries: new Map(), durable: new Map(), pending: [] });

function isFolder(node: Leaf | Folder | undefined): node is Folder {
  return node !== undefined && "entries" in node;
}

function apply(change: Change, entries: Entries): void {
  for (const [name, node] of change) {
    if (node) entries.set(name, node);
    else entries.delete(name);
  }
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/**
 * A file system in memory that loses, on `powerCut`, what was not synced: of each file the bytes since its last
 * fsync, of each directory the names since its last sync. Names in one directory change in order; nothing else is
 * ordered. This is exactly what POSIX guarantees.
 */
export class MemoryFiles implements Files {
  private readonly root: Folder;
  private readonly handles = new Map<number, Leaf>();
  private nextHandle = 1;

  constructor(root = newFolder()) {
    this.root = root;
  }

  /** A copy of the files and of their durable state, which then changes independently; no file is open. */
  copy(): MemoryFiles {
    const copies = new Map<Leaf | Folder, Leaf | Folder>();
    const copied = <Node extends Leaf | Folder | undefined>(node: Node): Node => {
      if (!node) return node;
      const known = copies.get(node) ?? (isFolder(node) ? newFolder() : { ...node });
      const first = !copies.has(node);
      copies.set(node, known);
      if (first && isFolder(node)) fill(node, known as Folder);
      return known as Node;
    };
    const fill = (from: Folder, to: Folder) => {
      to.entries = new Map([...from.entries].map(([name, node]) => [name, copied(node)]));
      to.durable = new Map([...from.durable].map(([name, node]) => [name, copied(node)]));
      to.pending = from.pending.map((change) => change.map(([name, node]) => [name, copied(node)]));
    };
    return new MemoryFiles(copied(this.root));
  }

  open = (path: string, flags: OpenFlags): number => {
    const folder = this.folder(dirname(path));
    let leaf = folder.entries.get(basename(path));
    if (isFolder(leaf)) throw failure("EISDIR", path);
    if (leaf && flags === "wx") throw failure("EEXIST", path);
    if (!leaf) {
      if (flags === "r" || flags === "r+") throw failure("ENOENT", path);
      const made: Leaf = { data: new Uint8Array(), durable: new Uint8Array() };
      leaf = made;
      this.change(folder, [[basename(path), made]]);
    }
    if (flags === "w") leaf.data = new Uint8Array();
    this.handles.set(this.nextHandle, leaf);
    return this.nextHandle++;
  };

  write = (file: number, data: Uint8Array, position: number): number => {
    const leaf = this.leaf(file);
    const grown = new Uint8Array(Math.max(leaf.data.byteLength, position + data.byteLength));
    grown.set(leaf.data);
    grown.set(data, position);
    leaf.data = grown;
    return data.byteLength;
  };

  read = (file: number, target: Uint8Array, position: number): number => {
    const found = this.leaf(file).data.subarray(position, position + target.byteLength);
    target.set(found);
    return found.byteLength;
  };

  truncate = (file: number, bytes: number): void => {
    const leaf = this.leaf(file);
    const cut = new Uint8Array(bytes);
    cut.set(leaf.data.subarray(0, bytes));
    leaf.data = cut;
  };

  fsync = (file: number): void => {
    const leaf = this.leaf(file);
    leaf.durable = leaf.data;
  };

  close = (file: number): void => {
    this.handles.delete(file);
  };

  stat = (path: string): { bytes: number; directory: boolean } | undefined => {
    const node = this.find(path);
    return node && { bytes: isFolder(node) ? 0 : node.data.byteLength, directory: isFolder(node) };
  };

  list = (directory: string): string[] => {
    const node = this.find(directory);
    return isFolder(node) ? [...node.entries.keys()].sort() : [];
  };

  mkdir = (directory: string): void => {
    if (this.find(directory)) return;
    this.mkdir(dirname(directory));
    const made = newFolder();
    this.change(this.folder(dirname(directory)), [[basename(directory), made]]);
    this.syncDirectory(dirname(directory));
  };

  rename = (from: string, to: string): void => {
    const folder = this.folder(dirname(from));
    const node = this.find(from);
    if (!node || dirname(from) !== dirname(to)) throw failure("ENOENT", from);
    this.change(folder, [
      [basename(from), undefined],
      [basename(to), node],
    ]);
  };

  remove = (path: string): void => {
    const node = this.find(path);
    if (!node) return;
    if (isFolder(node)) for (const name of [...node.entries.keys()]) this.remove(`${path}/${name}`);
    this.change(this.folder(dirname(path)), [[basename(path), undefined]]);
  };

  syncDirectory = (directory: string): void => {
    const folder = this.folder(directory);
    folder.durable = new Map(folder.entries);
    folder.pending = [];
  };

  /** Simulates a power failure. `below(n)` draws from 0..n-1: how much of the unsynced data reached the disk. */
  powerCut(below: (n: number) => number): void {
    this.handles.clear();
    const settle = (node: Leaf | Folder): void => {
      if (!isFolder(node)) {
        const torn = node.data.subarray(0, node.data.byteLength >> 1);
        if (node.data !== node.durable) node.data = [node.durable, node.data, torn][below(3)].slice();
        node.durable = node.data;
        return;
      }
      const entries = new Map(node.durable);
      for (const change of node.pending.slice(0, below(node.pending.length + 1))) apply(change, entries);
      node.entries = entries;
      node.durable = new Map(entries);
      node.pending = [];
      for (const child of entries.values()) settle(child);
    };
    settle(this.root);
  }

  /** Everything programs can see, every name with its bytes: if it is equal, all later reads and writes are, too. */
  state(): string {
    const tree = (node: Leaf | Folder): unknown =>
      isFolder(node)
        ? [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, child]) => [name, tree(child)])
        : Buffer.from(node.data).toString("latin1");
    return JSON.stringify(tree(this.root));
  }

  private change(folder: Folder, change: Change): void {
    apply(change, folder.entries);
    folder.pending.push(change);
  }

  private find(path: string): Leaf | Folder | undefined {
    let node: Leaf | Folder | undefined = this.root;
    for (const name of partsOf(path)) {
      node = isFolder(node) ? node.entries.get(name) : undefined;
    }
    return node;
  }

  private folder(path: string): Folder {
    const node = this.find(path);
    if (!isFolder(node)) throw failure("ENOENT", path);
    return node;
  }

  private leaf(file: number): Leaf {
    const leaf = this.handles.get(file);
    if (!leaf) throw failure("EBADF", String(file));
    return leaf;
  }
}

/** Where a test runs repeatedly: the same prepared directory each time. */
export type Beginnings = () => { readonly inner: Files; readonly directory: string };

/** In memory; `prepare` runs once. */
export function inMemory(prepare: (directory: string, files: Files) => void): Beginnings {
  const files = new MemoryFiles();
  prepare("run", files);
  return () => ({ inner: files.copy(), directory: "run" });
}

/** On a disk, in a new directory each time. */
export function onDisk(prepare: (directory: string, files: Files) => void): Beginnings {
  return () => {
    const directory = join(temporaryDirectory(), "run");
    prepare(directory, quickFiles);
    return { inner: quickFiles, directory };
  };
}

/** Paths are few, and used repeatedly. */
const known = new Map<string, readonly string[]>();

function partsOf(path: string): readonly string[] {
  const parts = known.get(path) ?? path.split("/").filter((part) => part !== "" && part !== ".");
  known.set(path, parts);
  return parts;
}
