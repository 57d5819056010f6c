import type { FastifyInstance } from "fastify";
import type { Models } from "../models.js";
import type { Told } from "../openapi.js";
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
  /** The routes that are told of: all of them once the server is ready. */
  readonly told: readonly Told[];
}

/** A group of routes: adds itself to a server. */
export type Routes = (app: FastifyInstance, context: RouteContext) => void;
