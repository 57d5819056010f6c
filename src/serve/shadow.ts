import type { FastifyBaseLogger } from "fastify";
import type { Scored } from "./engine.js";
import type { ServeMetrics } from "./prometheus.js";
import type { ServedModel } from "./served-model.js";

/** Requests that shadows score at a time, at most: those beyond are left out, so that they cost those who wait little. */
const MOST = 4;

/** Has shadows score what was answered, behind the answer: metrics and the log tell how they differ. */
export class Shadows {
  private readonly metrics: ServeMetrics;
  private underWay = 0;

  constructor(metrics: ServeMetrics) {
    this.metrics = metrics;
  }

  /**
   * @param name what the model is called
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
      log.info({
        shadow: { model: name, version: model.version, scores: Array.from(scores) },
        answered: { version: answered.model.version, scores: Array.from(answered.scores) },
      });
    } catch (error) {
      log.warn({ shadow: { model: name, error: (error as Error).message } });
    } finally {
      this.underWay--;
    }
  }
}
