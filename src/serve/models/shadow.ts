import type { FastifyBaseLogger } from "fastify";
import type { ServeMetrics } from "../metrics/prometheus.js";
import type { Scored } from "../threads/engine.js";
import type { ServedModel } from "./served-model.js";

/** Most requests that shadows score at a time; others are skipped, so that they cost waiting clients little. */
const MOST = 4;

/** Has shadows score answered requests afterwards: metrics and the log report the differences. */
export class Shadows {
  private readonly metrics: ServeMetrics;
  private readonly warn: (text: string) => void;
  private underWay = 0;
  /** Names of models whose shadow failed last. */
  private readonly failing = new Set<string>();

  /** @param warn called when a model's shadow begins to fail */
  constructor(metrics: ServeMetrics, warn: (text: string) => void) {
    this.metrics = metrics;
    this.warn = warn;
  }

  /**
   * @param name the model's name in requests
   * @param body what was scored
   * @param answered the scores that were answered
   */
  async follow(name: string, { shadow }: ServedModel, body: Uint8Array, answered: Scored, log: FastifyBaseLogger) {
    if (!shadow || this.underWay >= MOST) return;
    this.underWay++;
    try {
      const { scores, model } = await shadow.scored(body);
      const differences = scores.map((score, i) => Math.abs(score - answered.scores[i]));
      this.metrics.shadowed(name, differences.reduce((sum, difference) => sum + difference, 0) / differences.length);
      this.failing.delete(name);
      log.info({
        shadow: { model: name, version: model.version, scores: Array.from(scores) },
        answered: { version: answered.model.version, scores: Array.from(answered.scores) },
      });
    } catch (error) {
      const { message } = error as Error;
      this.metrics.shadowFailed(name);
      if (!this.failing.has(name))
        this.warn(`model ${name}: its shadow cannot score, which answers nobody: ${message}`);
      this.failing.add(name);
      log.warn({ shadow: { model: name, error: message } });
    } finally {
      this.underWay--;
    }
  }
}
