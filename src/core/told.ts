/** Most different reasons that are passed on before `clear`: some contain a number that is different each time. */
const MOST_TOLD = 16;

/** Passes each reason on once. */
export class Told {
  private readonly told = new Set<string>();
  private readonly tellOn: ((reason: string) => void) | undefined;

  /** @param tellOn what is told; undefined: nothing is */
  constructor(tellOn: ((reason: string) => void) | undefined) {
    this.tellOn = tellOn;
  }

  tell(reason: string): void {
    if (this.told.has(reason) || this.told.size >= MOST_TOLD) return;
    this.told.add(reason);
    this.tellOn?.(reason);
  }

  /** It is over: what happens again is told again. */
  clear(): void {
    this.told.clear();
  }
}
