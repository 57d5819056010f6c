import { mixed } from "../../core/mix.js";

const NONE = -1;

/**
 * Search trees by time over numbered places, 16 bytes each: treaps (Seidel and Aragon, 1996), whose priorities are hashes of the places. A tree of n
 * has a depth of about 2 ln n, whatever order they come and go in. Equal times are told apart by the place. A tree is known by its root, -1 an empty one.
 */
export class TimeTrees {
  /** Places looked at so far. */
  steps = 0;
  private times: Float64Array;
  private left: Int32Array;
  private right: Int32Array;

  constructor(room: number) {
    this.times = new Float64Array(room);
    this.left = new Int32Array(room);
    this.right = new Int32Array(room);
  }

  get bytes(): number {
    return this.times.length * 16;
  }

  time(at: number): number {
    return this.times[at];
  }

  grow(room: number): void {
    const { times, left, right } = this;
    this.times = new Float64Array(room);
    this.left = new Int32Array(room);
    this.right = new Int32Array(room);
    this.times.set(times);
    this.left.set(left);
    this.right.set(right);
  }

  /** Adds a place. @returns the tree's root */
  insert(root: number, at: number, time: number): number {
    this.times[at] = time;
    this.left[at] = this.right[at] = NONE;
    return this.put(root, at);
  }

  /** Takes out a place that is in the tree. @returns the tree's root */
  remove(root: number, at: number): number {
    this.steps++;
    if (root === at) return this.merge(this.left[at], this.right[at]);
    if (this.isBefore(at, root)) this.left[root] = this.remove(this.left[root], at);
    else this.right[root] = this.remove(this.right[root], at);
    return root;
  }

  /** The first place at a time from `from` on, or strictly behind it; -1: none. */
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

  /** The places at a time from `from` to `to`, in the order of their times. */
  *between(root: number, from: number, to: number): Generator<number> {
    if (root === NONE) return;
    this.steps++;
    const time = this.times[root];
    if (time >= from) yield* this.between(this.left[root], from, to);
    if (time >= from && time <= to) yield root;
    if (time <= to) yield* this.between(this.right[root], from, to);
  }

  private put(root: number, at: number): number {
    if (root === NONE) return at;
    this.steps++;
    if (this.isBefore(at, root)) {
      const below = this.put(this.left[root], at);
      this.left[root] = below;
      return isAbove(below, root) ? this.raiseLeft(root) : root;
    }
    const below = this.put(this.right[root], at);
    this.right[root] = below;
    return isAbove(below, root) ? this.raiseRight(root) : root;
  }

  private raiseLeft(root: number): number {
    const raised = this.left[root];
    this.left[root] = this.right[raised];
    this.right[raised] = root;
    return raised;
  }

  private raiseRight(root: number): number {
    const raised = this.right[root];
    this.right[root] = this.left[raised];
    this.left[raised] = root;
    return raised;
  }

  /** One tree of two, all of the first one's times before those of the second one. */
  private merge(first: number, second: number): number {
    if (first === NONE) return second;
    if (second === NONE) return first;
    this.steps++;
    if (isAbove(first, second)) {
      this.right[first] = this.merge(this.right[first], second);
      return first;
    }
    this.left[second] = this.merge(first, this.left[second]);
    return second;
  }

  private isBefore(a: number, b: number): boolean {
    return this.times[a] === this.times[b] ? a < b : this.times[a] < this.times[b];
  }
}

const isAbove = (a: number, b: number): boolean => mixed(a + 1) > mixed(b + 1);
