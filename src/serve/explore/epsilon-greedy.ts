import { byHighest } from "./draws.js";
import type { Policy } from "./policy.js";

/**
 * At every rank, with probability `epsilon` a random one of the remaining candidates, else the best of them; the first
 * among equals.
 */
export function epsilonGreedy(epsilon: number): Policy {
  return ({ logits, rng }) => {
    const count = logits.length;
    const best = byHighest(logits);
    const propensity = new Float64Array(count).fill(epsilon / count);
    if (count > 0) propensity[best[0]] += 1 - epsilon;
    const left = new Candidates(count);
    let next = 0;
    const order = Array.from(best, () => {
      while (!left.has(best[next])) next++;
      const explore = rng.uniform() < epsilon;
      return left.take(explore ? left.at(rng.below(left.size)) : best[next]);
    });
    return { order, propensity };
  };
}

/** Candidates without a rank. */
class Candidates {
  private readonly list: number[];
  private readonly places: number[];

  constructor(count: number) {
    this.list = Array.from({ length: count }, (_, i) => i);
    this.places = this.list.slice();
  }

  get size(): number {
    return this.list.length;
  }

  at(place: number): number {
    return this.list[place];
  }

  has(candidate: number): boolean {
    return this.places[candidate] >= 0;
  }

  take(candidate: number): number {
    const last = this.list.pop()!;
    const place = this.places[candidate];
    if (last !== candidate) {
      this.list[place] = last;
      this.places[last] = place;
    }
    this.places[candidate] = -1;
    return candidate;
  }
}
