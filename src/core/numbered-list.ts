/**
 * A few items with different numbers, in the order they were added. Unlike in a Map, removed items are garbage at once: V8 links a
 * Map's outgrown tables to their successors, so that one that has become old keeps all later ones, with their items, until the next
 * full collection.
 */
export class NumberedList<T extends { readonly id: number }> {
  private items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.items.values();
  }

  get(id: number): T | undefined {
    return this.items[this.placeOf(id)];
  }

  has(id: number): boolean {
    return this.placeOf(id) >= 0;
  }

  add(item: T): void {
    this.items.push(item);
  }

  /** Removes an item. @returns it, or undefined if there is none */
  take(id: number): T | undefined {
    const place = this.placeOf(id);
    return place < 0 ? undefined : this.items.splice(place, 1)[0];
  }

  clear(): void {
    this.items = [];
  }

  private placeOf(id: number): number {
    return this.items.findIndex((item) => item.id === id);
  }
}
