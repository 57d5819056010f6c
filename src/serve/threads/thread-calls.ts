import type { MessagePort, TransferListItem, Worker } from "node:worker_threads";
import { fromPlainError, HashbrookError, type PlainError, toPlainError } from "../../core/errors.js";
import { NumberedList } from "../../core/numbered-list.js";
import { type Refusal, refusalOf } from "../../core/system-errors.js";

/** The calls to a thread, by name: what is sent, the answer, and partial answers before it. */
export type Calls = Readonly<Record<string, readonly [sent: unknown, answer: unknown, part?: unknown]>>;

/** Instead of a call: asks the thread to end. */
const END = "end";

interface CallMessage {
  readonly call: number;
  readonly name: string;
  readonly sent: unknown;
}
type AnswerMessage =
  | { readonly call: number; readonly answer: unknown }
  | { readonly call: number; readonly part: unknown }
  | { readonly call: number; readonly error: PlainError };

/** An answer, or a part of it, with memory to transfer. */
export class Transferred<T> {
  readonly answer: T;
  readonly list: readonly TransferListItem[];

  constructor(answer: T, list: readonly TransferListItem[]) {
    this.answer = answer;
    this.list = list;
  }
}

/** A caller waiting for an answer. */
interface Waiting {
  readonly id: number;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
  /** Receives partial answers. */
  hear(part: unknown): void;
}

/** Calls a thread, which answers one call after the other. */
export class ThreadCalls<C extends Calls> {
  private readonly worker: Worker;
  private readonly open = new NumberedList<Waiting>();
  private readonly what: string;
  private next = 0;
  private dead: HashbrookError | null = null;
  /** Resolves when the thread has ended, to what calls of it fail with from then on. */
  readonly ended: Promise<HashbrookError>;

  /** @param what the thread's name, for errors */
  constructor(worker: Worker, what: string) {
    this.worker = worker;
    this.what = what;
    worker.on("message", (message: AnswerMessage) => this.settle(message));
    let cause: Error | undefined;
    worker.on("error", (error) => {
      cause = error;
    });
    this.ended = new Promise((resolve) => {
      worker.on("exit", (code) => {
        resolve(this.end(cause ? `: ${cause.message}` : ` with code ${code}`, refusalOf(cause)));
      });
    });
  }

  get alive(): boolean {
    return this.dead === null;
  }

  /**
   * @param heard receives partial answers
   * @throws HashbrookError what went wrong in the thread; if it has ended, runtime_unavailable if the system refused it
   *   something, else internal
   */
  call<N extends keyof C & string>(
    name: N,
    sent: C[N][0],
    transfer: readonly TransferListItem[] = [],
    heard: (part: C[N][2]) => void = () => {},
  ): Promise<C[N][1]> {
    if (this.dead) return Promise.reject(this.dead);
    return new Promise((resolve, reject) => {
      const call = this.next++;
      this.open.add({ id: call, resolve: resolve as (answer: unknown) => void, reject, hear: heard });
      this.worker.postMessage({ call, name, sent } satisfies CallMessage, [...transfer]);
    });
  }

  /** Lets the thread end when it has answered: terminating it during a run of ONNX Runtime would end the process. */
  async close(): Promise<void> {
    if (this.alive) this.worker.postMessage(END);
    await this.ended;
  }

  private settle(message: AnswerMessage): void {
    if ("part" in message) {
      this.open.get(message.call)?.hear(message.part);
      return;
    }
    const waiting = this.open.take(message.call);
    if ("error" in message) waiting?.reject(fromPlainError(message.error));
    else waiting?.resolve(message.answer);
  }

  /** @param refusal what the system refused, if that ended the thread */
  private end(how: string, refusal: Refusal | null): HashbrookError {
    const { open } = this;
    const code = refusal ? "runtime_unavailable" : "internal";
    const dead = new HashbrookError(code, `${this.what} ended${how}`, { hint: refusal?.hint });
    this.dead = dead;
    for (const { reject } of open) reject(dead);
    open.clear();
    return dead;
  }
}

type Found<T> = T | Transferred<T>;
type Handlers<C extends Calls> = {
  readonly [N in keyof C]: (
    sent: C[N][0],
    tell: (part: Found<C[N][2]>) => void,
  ) => Found<C[N][1]> | Promise<Found<C[N][1]>>;
};

/** In the thread: answers calls in order. */
export function answerCalls<C extends Calls>(port: MessagePort, handlers: Handlers<C>): void {
  let last: Promise<void> = Promise.resolve();
  port.on("message", (message: CallMessage | typeof END) => {
    last = last.then(() => (message === END ? port.close() : answer(port, message, handlers)));
  });
}

async function answer<C extends Calls>(
  port: MessagePort,
  { call, name, sent }: CallMessage,
  handlers: Handlers<C>,
): Promise<void> {
  try {
    const found = await handlers[name](sent, (part) => post(port, call, "part", part));
    post(port, call, "answer", found);
  } catch (error) {
    port.postMessage({ call, error: toPlainError(error) });
  }
}

function post(port: MessagePort, call: number, what: "answer" | "part", found: unknown): void {
  if (found instanceof Transferred) port.postMessage({ call, [what]: found.answer }, [...found.list]);
  else port.postMessage({ call, [what]: found });
}
