import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { text, yaml } from "./files.js";

const lines = text("deploy/Dockerfile").replace(/\\\n/g, " ").split("\n");
const instructions = lines.filter((line) => line !== "" && !line.startsWith("#"));
const of = (name: string) =>
  instructions.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

it("copies existing files, and the build context has nothing else", () => {
  const copied = of("COPY")
    .filter((line) => !line.startsWith("--from"))
    .flatMap((line) => line.split(" ").slice(0, -1));
  expect(copied.filter((path) => !existsSync(path))).toEqual([]);
  const [first, ...ignored] = text(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(first).toBe("*");
  const allowed = ignored.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  expect(allowed.sort()).toEqual([...new Set(copied)].sort());
});

it("runs as an unprivileged user, and exposes the ports that compose and Kubernetes use", () => {
  expect(of("USER")).toEqual(["node"]);
  expect(instructions.indexOf("USER node")).toBeGreaterThan(
    instructions.findLastIndex((line) => /^(COPY|RUN)/.test(line)),
  );
  const [exposed] = of("EXPOSE");
  const used = `${text("deploy/compose.yaml")}${text("deploy/kubernetes.yaml")}`.matchAll(
    /--(?:metrics-)?port[ =](\d+)/g,
  );
  expect(exposed.split(" ")).toEqual([...new Set([...used].map(([, port]) => port))].sort());
});

it("every service of the compose file with a port declares its health check", () => {
  const [{ services }] = yaml<{ services: Record<string, { command?: string; environment?: Record<string, number> }> }>(
    "deploy/compose.yaml",
  );
  for (const [name, { command, environment }] of Object.entries(services)) {
    const port = /--(?:metrics-)?port (\d+)/.exec(String(command))?.[1];
    if (String(command).startsWith("hashbrook"))
      expect(String(environment?.HASHBROOK_PORT ?? ""), name).toBe(port ?? "");
  }
});

describe("the health check", () => {
  const [, program] = /^.* CMD (\[.*\])$/.exec(of("HEALTHCHECK")[0])!;
  const [command, ...args] = JSON.parse(program) as string[];
  const check = (port: string) =>
    new Promise<number | null>((resolve) => {
      spawn(process.execPath, args, { env: { ...process.env, HASHBROOK_PORT: port } }).on("exit", resolve);
    });

  it("passes for a healthy server, and without one; not for one that fails or is gone", async () => {
    expect(command).toBe("node");
    let status = 200;
    const asked: (string | undefined)[] = [];
    const server = createServer(({ url }, response) => {
      asked.push(url);
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const port = String((server.address() as AddressInfo).port);
    expect([await check(port), await check("")]).toEqual([0, 0]);
    status = 503;
    expect(await check(port)).toBe(1);
    expect(asked).toEqual(["/v2/health/live", "/v2/health/live"]);
    await new Promise((resolve) => server.close(resolve));
    expect(await check(port)).toBe(1);
  });
});
