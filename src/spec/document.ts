import { type Document, isCollection, isMap, isNode, isPair, isScalar, type Pair, visit } from "yaml";
import { type Problems, START } from "../schema/problems.js";
import { expandIn } from "./document-path.js";
import { readDocument, type Shape, specYaml } from "./shape.js";

/** A place in a spec: keys of maps and numbers of list items. */
export type SpecPath = readonly (string | number)[];

const COLUMNS = 120;

/** The source of a spec, to be edited: whatever is not touched stays as written, comments included. */
export class SpecDocument {
  private readonly document: Document;

  /** @param source valid YAML, or a document without aliases that nothing else changes */
  constructor(source: string | Document) {
    this.document = typeof source === "string" ? specYaml(source) : source;
    if (typeof source !== "string") return;
    // Aliases are replaced by copies, so that one of several uses can be changed.
    visit(this.document, { Alias: (_, alias) => alias.resolve(this.document)?.clone() as never });
    visit(this.document, {
      Node: (_, node) => {
        if ("anchor" in node) delete node.anchor;
      },
    });
  }

  /** An independent document with the same text. */
  copy(): SpecDocument {
    return new SpecDocument(this.document.clone());
  }

  /** The plain value at a path; undefined if there is none. */
  get(path: SpecPath): unknown {
    const node = path.length === 0 ? this.document.contents : this.document.getIn(path, true);
    return isNode(node) ? node.toJS(this.document) : node;
  }

  /** Sets a plain value at a place; missing maps on the way are created. */
  set(path: SpecPath, value: unknown): void {
    this.document.setIn(path, this.document.createNode(value));
  }

  /** As `set`, written on one line if it fits. */
  setCompact(path: SpecPath, value: unknown): void {
    const node = this.document.createNode(value, { flow: true });
    this.document.setIn(path, node);
  }

  /** Removes the value at a path. */
  delete(path: SpecPath): void {
    this.document.deleteIn(path);
  }

  /** Adds a comment above a member of a map. */
  comment(path: SpecPath, text: string): void {
    const pair = this.pairAt(path);
    if (!pair || !isScalar(pair.key)) return;
    pair.key.commentBefore = text
      .split("\n")
      .map((line) => ` ${line}`)
      .join("\n");
    for (let above = path.slice(0, -1); above.length > 0; above = above.slice(0, -1)) {
      const node = this.document.getIn(above, true);
      if (isCollection(node)) node.flow = false;
    }
  }

  /** Adds a comment at the top of the file. */
  heading(text: string): void {
    const lines = text.split("\n").map((line) => ` ${line}`);
    const before = this.document.commentBefore;
    this.document.commentBefore = [...(before ? [before] : []), ...lines].join("\n");
  }

  /** The places that a path with `*` for any key stands for, in document order. @see expandIn */
  expand(path: readonly string[]): SpecPath[] {
    return expandIn(this.get([]), path);
  }

  /**
   * Checks the document against `shape`, as `readShape` does; an edited document has no places: problems name the first
   * line.
   */
  read(shape: Shape, problems: Problems): unknown {
    return readDocument(this.document, shape, problems, () => START);
  }

  /** The YAML. */
  text(): string {
    return this.document.toString({ lineWidth: COLUMNS, flowCollectionPadding: true });
  }

  private pairAt(path: SpecPath): Pair | undefined {
    const map = path.length === 1 ? this.document.contents : this.document.getIn(path.slice(0, -1), true);
    if (!isMap(map)) return undefined;
    return map.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === path.at(-1));
  }
}
