import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { KAFKA_VERSION } from "../../scripts/kafka-broker.mjs";
import { unknownFlags } from "./files.js";

interface Service {
  readonly image: string;
  readonly command?: string | string[];
  readonly ports?: string[];
  readonly depends_on?: Record<string, unknown>;
  readonly volumes?: string[];
}

const compose = parse(readFileSync("deploy/compose.yaml", "utf8"), { merge: true, uniqueKeys: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const lines = services.flatMap(([name, { command }]) =>
  typeof command === "string" && command.startsWith("hashbrook ") ? [[name, command] as const] : [],
);
it("the compose file starts a broker, a trainer, two scorers, Prometheus and Grafana", () => {
  expect(lines.map(([name, line]) => `${name}: ${line.split(" ")[1]}`)).toEqual([
    "events: produce",
    "trainer: train",
    "scorer-1: serve",
    "scorer-2: serve",
  ]);
  expect(compose.services.prometheus.image).toMatch(/^prom\/prometheus:/);
  expect(compose.services.grafana.image).toMatch(/^grafana\/grafana:/);
});

it.each(lines)("%s runs a valid command line", (_, line) => {
  expect(unknownFlags(line.trim().split(/\s+/))).toEqual([]);
});

it("the compose file uses only existing services and volumes, and publishes no port to the network", () => {
  const named = services.flatMap(([, { depends_on }]) => Object.keys(depends_on ?? {}));
  expect(named.filter((name) => !compose.services[name])).toEqual([]);
  const volumes = services.flatMap(([, service]) => service.volumes ?? []).map((volume) => volume.split(":")[0]);
  expect(volumes.filter((volume) => !volume.startsWith(".") && !(volume in compose.volumes))).toEqual([]);
  const ports = services.flatMap(([, service]) => service.ports ?? []);
  expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
});

it("the compose file's broker has the version the tests use", () => {
  expect(compose.services.broker.image).toBe(`apache/kafka:${KAFKA_VERSION}`);
});

it("Prometheus scrapes the ports of the trainer and the scorers, on a reachable address", () => {
  const { scrape_configs } = parse(readFileSync("deploy/prometheus.yml", "utf8")) as {
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  };
  const targets = scrape_configs.flatMap((job) => job.static_configs.flatMap((entry) => entry.targets));
  const listening = lines.flatMap(([name, line]) => {
    const port = /--(?:metrics-)?port (\d+)/.exec(line)?.[1];
    // Without --host only the container itself can reach it.
    const host = /--host (\S+)/.exec(line)?.[1] ?? "127.0.0.1";
    return port ? [{ target: `${name}:${port}`, host }] : [];
  });
  expect(targets).toEqual(listening.map(({ target }) => target));
  expect(listening.map(({ host }) => host)).toEqual(listening.map(() => "0.0.0.0"));
});

it("a scorer's published port is the one it listens on, and scorers limit their staleness", () => {
  for (const [name, line] of lines.filter(([, line]) => line.includes(" serve "))) {
    const port = /--port (\d+)/.exec(line)![1];
    expect(compose.services[name].ports?.map((entry) => entry.split(":").at(-1))).toEqual([port]);
    expect(line).toMatch(/--max-staleness \d+/);
  }
});
