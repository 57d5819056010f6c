import type { FastifyInstance } from "fastify";
import type { Models } from "../models.js";
import type { ServeMetrics } from "../prometheus.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Candidates scored. */
    scored: number;
  }
}

/** What the routes of a server share. */
export interface RouteContext {
  readonly models: Models;
  readonly metrics: ServeMetrics;
}

/** A group of routes: adds itself to a server. */
export type Routes = (app: FastifyInstance, context: RouteContext) => void;
