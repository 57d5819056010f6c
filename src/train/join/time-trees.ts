import { mixed } from "../../core/mix.js";

const NONE = -1;
/** Mark bits of a node: it is marked itself; a descendant is. */
const OWN = 1;
const BELOW = 2;

/**
 * Search trees by time over numbered nodes, 16 bytes each (17 with marks): treaps (Seidel and Aragon, 1996), whose
 * priorities are hashes of the node numbers. A tree of n nodes has a depth of about 2 ln n, whatever the order of
 * insertions and removals. Nodes with equal times are ordered by number. A tree is represented by its root; -1 is an
 * empty one.
 */
export class TimeTrees {
  /** Nodes visited so far. */
  steps = 0;
  private times: Float64Array;
  private left: Int32Array;
  private right: Int32Array;
  private marks: Uint8Array | null;

  /** @param marked nodes are marked when they are added */
  constructor(room: number, marked = false) {
    this.marks = marked ? new Uint8Array(room) : null;
    this.times = new Float64Array(room);
    this.left = new Int32Array(room);
    this.right = new Int32Array(room);
  }

  get bytes(): number {
    return this.times.length * 16 + (this.marks?.length ?? 0);
  }

  time(at: number): number {
    return this.times[at];
  }

  grow(room: number): void {
    const { times, left, right, marks } = this;
    if (marks) {
      this.marks = new Uint8Array(room);
      this.marks.set(marks);
    }
    this.times = new Float64Array(room);
    this.left = new Int32Array(room);
    this.right = new Int32Array(room);
    this.times.set(times);
    this.left.set(left);
    this.right.set(right);
  }

  /** Adds a node. @returns the tree's root */
  insert(root: number, at: number, time: number): number {
    this.times[at] = time;
    this.left[at] = this.right[at] = NONE;
    if (this.marks) this.marks[at] = OWN;
    return this.put(root, at);
  }

  /** Removes a node that is in the tree. @returns the tree's root */
  remove(root: number, at: number): number {
    this.steps++;
    if (root === at) return this.merge(this.left[at], this.right[at]);
    if (this.isBefore(at, root)) this.left[root] = this.remove(this.left[root], at);
    else this.right[root] = this.remove(this.right[root], at);
    return this.sum(root);
  }

  /** The first node at or after time `from` (or strictly after it); -1: none. */
  firstFrom(root: number, from: number, strictly: boolean): number {
    let found = NONE;
    for (let at = root; at !== NONE; this.steps++) {
      const time = this.times[at];
      if (strictly ? time > from : time >= from) {
        found = at;
        at = this.left[at];
      } else at = this.right[at];
    }
    return found;
  }

  /**
   * Removes the marks of nodes with times from `from` to `to`, in time order. Subtrees without marks are not visited.
   */
  unmark(root: number, [from, to]: readonly [number, number], tell: (at: number) => void): void {
    const { marks } = this;
    if (!marks || root === NONE || marks[root] === 0) return;
    this.steps++;
    const time = this.times[root];
    if (time >= from) this.unmark(this.left[root], [from, to], tell);
    if (time >= from && time <= to && marks[root] & OWN) {
      marks[root] &= ~OWN;
      tell(root);
    }
    if (time <= to) this.unmark(this.right[root], [from, to], tell);
    this.sum(root);
  }

  private put(root: number, at: number): number {
    if (root === NONE) return at;
    this.steps++;
    if (this.isBefore(at, root)) {
      const below = this.put(this.left[root], at);
      this.left[root] = below;
      return isAbove(below, root) ? this.raiseLeft(root) : this.sum(root);
    }
    const below = this.put(this.right[root], at);
    this.right[root] = below;
    return isAbove(below, root) ? this.raiseRight(root) : this.sum(root);
  }

  private raiseLeft(root: number): number {
    const raised = this.left[root];
    this.left[root] = this.right[raised];
    this.right[raised] = root;
    this.sum(root);
    return this.sum(raised);
  }

  private raiseRight(root: number): number {
    const raised = this.right[root];
    this.right[root] = this.left[raised];
    this.left[raised] = root;
    this.sum(root);
    return this.sum(raised);
  }

  /** Merges two trees; all times of the first precede those of the second. */
  private merge(first: number, second: number): number {
    if (first === NONE) return second;
    if (second === NONE) return first;
    this.steps++;
    if (isAbove(first, second)) {
      this.right[first] = this.merge(this.right[first], second);
      return this.sum(first);
    }
    this.left[second] = this.merge(first, this.left[second]);
    return this.sum(second);
  }

  /** Updates a node's information about marks below it. @returns the node */
  private sum(root: number): number {
    const { marks } = this;
    if (marks)
      marks[root] = (marks[root] & OWN) | (this.hasMark(this.left[root]) || this.hasMark(this.right[root]) ? BELOW : 0);
    return root;
  }

  private hasMark(root: number): boolean {
    return root !== NONE && this.marks![root] !== 0;
  }

  private isBefore(a: number, b: number): boolean {
    return this.times[a] === this.times[b] ? a < b : this.times[a] < this.times[b];
  }
}

const isAbove = (a: number, b: number): boolean => mixed(a + 1) > mixed(b + 1);
