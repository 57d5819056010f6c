interface Waiting<T> {
  readonly records: readonly T[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Sends in order, one request at a time: what waits while one is under way goes in the next one, all together. */
export class Gathered<T> {
  private readonly request: (records: readonly T[]) => Promise<void>;
  private waiting: Waiting<T>[] = [];
  private isSending = false;

  /** @param request sends some, and ends when they are there */
  constructor(request: (records: readonly T[]) => Promise<void>) {
    this.request = request;
  }

  /** Until they are there. @throws what the request that they went in failed by */
  send(records: readonly T[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ records, resolve, reject });
      if (!this.isSending) void this.sendAll();
    });
  }

  private async sendAll(): Promise<void> {
    this.isSending = true;
    while (this.waiting.length > 0) {
      const some = this.waiting;
      this.waiting = [];
      await this.request(some.flatMap(({ records }) => records)).then(
        () => some.map(({ resolve }) => resolve()),
        (error) => some.map(({ reject }) => reject(error)),
      );
    }
    this.isSending = false;
  }
}
