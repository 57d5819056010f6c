import { MessageChannel, type MessagePort } from "node:worker_threads";
import { InProcessSource } from "../delta-log/in-process-log.js";
import { ServeMetrics } from "../serve/metrics/prometheus.js";
import { Scorer } from "../serve/scorer.js";
import type { ServerOptions } from "../serve/server.js";
import { TrainMetrics } from "../train/metrics/prometheus.js";
import type { Progress } from "../train/metrics/report.js";
import { listening } from "./listen.js";

interface TrainServerOptions {
  /** Options for scoring; undefined: none. */
  readonly serve: (ServerOptions & { readonly port: number }) | undefined;
  /** Port of the trainer's own metrics; undefined: none. */
  readonly metrics: number | undefined;
  readonly host: string;
}

/** What a trainer serves over HTTP while it learns: scores from a scorer in this process, and its own metrics. */
export class TrainServer {
  /** For the trainer: the port that the scorer reads from. */
  readonly follower: MessagePort | undefined;
  private readonly metrics = new TrainMetrics();
  private readonly closing: (() => Promise<unknown>)[] = [];

  private constructor(follower: MessagePort | undefined) {
    this.follower = follower;
  }

  static async open({ serve, metrics, host }: TrainServerOptions): Promise<TrainServer> {
    const channel = serve === undefined ? null : new MessageChannel();
    const server = new TrainServer(channel?.port2);
    try {
      if (channel) await server.score(channel.port1, serve!, host);
      if (metrics !== undefined) await server.tell(metrics, host);
      return server;
    } catch (error) {
      channel?.port2.close();
      await server.close();
      throw error;
    }
  }

  show(progress: Progress): void {
    this.metrics.show(progress);
  }

  /** Continues to answer after training until `signal` aborts. */
  async until(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  async close(): Promise<void> {
    for (const close of this.closing) await close();
  }

  private async score(
    from: MessagePort,
    { port, ...options }: ServerOptions & { port: number },
    host: string,
  ): Promise<void> {
    const metrics = new ServeMetrics();
    metrics.beside = this.metrics;
    const scorer = Scorer.follow(new InProcessSource(from), { onVisible: (ages) => metrics.visible(ages) });
    // Loading the web framework would slow down every trainer's start.
    const { createServer } = await import("../serve/server.js");
    const app = createServer(scorer, { ...options, metrics });
    this.closing.push(
      () => app.close(),
      () => scorer.close(),
    );
    const url = await listening(() => app.listen({ port, host }), "--serve");
    process.stderr.write(`${JSON.stringify({ listening: url })}\n`);
  }

  private async tell(port: number, host: string): Promise<void> {
    const { createMetricsServer } = await import("../serve/metrics/metrics-server.js");
    const app = createMetricsServer(this.metrics);
    this.closing.push(() => app.close());
    const url = await listening(() => app.listen({ port, host }), "--metrics-port");
    process.stderr.write(`${JSON.stringify({ metrics: `${url}/metrics` })}\n`);
  }
}
