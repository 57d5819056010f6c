interface Waiting<T> {
  readonly records: readonly T[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Sends records in order, one request at a time. Records that arrive during a request go into the next one together.
 */
export class Gathered<T> {
  private readonly request: (records: readonly T[]) => Promise<void>;
  private waiting: Waiting<T>[] = [];
  private isSending = false;

  /** @param request sends records; resolves when they are stored */
  constructor(request: (records: readonly T[]) => Promise<void>) {
    this.request = request;
  }

  /** Resolves when the records are stored. @throws the error of the request that contained them */
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
