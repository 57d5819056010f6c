/** The items with the highest ranks, of any number that is offered. */
export class Best<T> {
  private readonly most: number;
  private readonly kept: { readonly rank: number; readonly item: T }[] = [];

  /** @param most how many are kept */
  constructor(most: number) {
    this.most = most;
  }

  /** @param make is only called for an item that is among the best so far */
  offer(rank: number, make: () => T): void {
    const { kept, most } = this;
    if (most === 0 || (kept.length === most && rank <= kept[most - 1].rank)) return;
    const after = kept.findIndex((other) => other.rank < rank);
    kept.splice(after < 0 ? kept.length : after, 0, { rank, item: make() });
    if (kept.length > most) kept.pop();
  }

  /** Highest first; of equal ones, that which was offered first. */
  get items(): T[] {
    return this.kept.map(({ item }) => item);
  }
}
