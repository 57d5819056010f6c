/** V8's Maps and Sets throw a RangeError beyond 2^24 entries. */
const MOST = 2 ** 24 - 1;

/** A Map of any number of entries, in as many Maps as it takes; values are not undefined. */
export class LargeMap<K, V> {
  private readonly parts: Map<K, V>[] = [new Map()];
  private readonly most: number;

  /** @param most entries of a part */
  constructor(most = MOST) {
    this.most = most;
  }

  get size(): number {
    return this.parts.reduce((sum, { size }) => sum + size, 0);
  }

  get(key: K): V | undefined {
    for (const part of this.parts) {
      const value = part.get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  set(key: K, value: V): void {
    const part = this.parts.find((one) => one.has(key)) ?? this.roomy();
    part.set(key, value);
  }

  /** In the order they were first set. */
  *keys(): Generator<K> {
    for (const part of this.parts) yield* part.keys();
  }

  private roomy(): Map<K, V> {
    const last = this.parts.at(-1)!;
    if (last.size < this.most) return last;
    this.parts.push(new Map());
    return this.parts.at(-1)!;
  }
}

/** A Set of any number of values. */
export class LargeSet<T> {
  private readonly map: LargeMap<T, true>;

  /** @param most values of a part */
  constructor(most?: number) {
    this.map = new LargeMap(most);
  }

  get size(): number {
    return this.map.size;
  }

  has(value: T): boolean {
    return this.map.get(value) !== undefined;
  }

  add(value: T): void {
    this.map.set(value, true);
  }

  /** In the order they were added. */
  [Symbol.iterator](): Generator<T> {
    return this.map.keys();
  }
}
