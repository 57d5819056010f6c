import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { setMaxListeners } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { freePorts } from "../../scripts/kafka-broker.mjs";
import { ObjectSink } from "../../src/delta-log/object-sink.js";
import { ObjectSource } from "../../src/delta-log/object-source.js";
import { Publisher } from "../../src/delta-log/publisher.js";
import { Replica } from "../../src/delta-log/replica.js";
import { DirectoryStore } from "../../src/object-store/directory-store.js";
import { openReader } from "../../src/object-store/open-store.js";
import { chain, RUN, SPEC, TinyModel, TinyTrainer } from "../delta-log/world.js";
import { fileServer } from "../object-store/file-server.js";

/** More with HASHBROOK_FOLLOWERS=1000. */
const FOLLOWERS = Number(process.env.HASHBROOK_FOLLOWERS ?? 200);
const PATIENCE_MS = FOLLOWERS * 1500;
const now = () => 77;

/** Whether nginx is installed. In CI it must be. */
function nginxIsHere(): boolean {
  try {
    execFileSync("nginx", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    if (process.env.CI) throw new Error("nginx is missing: install nginx-light");
    console.log("skipped: nginx is not installed");
    return false;
  }
}

let nginx: ChildProcess | undefined;
afterEach(() => void nginx?.kill());

/** Starts nginx with deploy/nginx.conf in front of an origin. */
async function cacheBefore(origin: string): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "hashbrook-nginx-"));
  const [port] = await freePorts(1);
  const shipped = readFileSync(join(import.meta.dirname, "../../deploy/nginx.conf"), "utf8");
  const server = shipped
    .replace("/var/cache/nginx/hashbrook", join(root, "cache"))
    .replace("127.0.0.1:8081", new URL(origin).host)
    .replace("listen 8080", `listen 127.0.0.1:${port}`);
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${root}/${name};`,
  );
  // Its worker writes into the test's folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const text = `${user} daemon off; pid ${root}/pid; error_log ${root}/error.log; worker_processes 1;
    events { worker_connections 4096; }
    http { access_log off; ${places.join(" ")} ${server} }`;
  mkdirSync(join(root, "cache"));
  writeFileSync(join(root, "nginx.conf"), text);
  nginx = spawn("nginx", ["-p", root, "-c", join(root, "nginx.conf"), "-e", join(root, "error.log")]);
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(url).catch(() => null))) await new Promise((resolve) => setTimeout(resolve, 20));
  return url;
}

describe.skipIf(!nginxIsHere())("deploy/nginx.conf", () => {
  it(
    `lets ${FOLLOWERS} followers read each entry from the origin once`,
    async () => {
      const log = join(mkdtempSync(join(tmpdir(), "hashbrook-objects-")), "log");
      const reads = new Map<string, number>();
      const origin = await fileServer(log, ({ url }) => {
        reads.set(url!, (reads.get(url!) ?? 0) + 1);
        return undefined;
      });
      const cached = await cacheBefore(origin);
      const sink = await ObjectSink.open(new DirectoryStore(log), { epoch: 1, now });
      const publisher = new Publisher({ sink, spec: SPEC, run: RUN, snapshotEvery: 600 });
      const trainer = new TinyTrainer();
      const publish = async (version: number) => {
        for (let i = 0; i < 7; i++) trainer.learn((version * 5 + i) % 30, version);
        await publisher.publish(trainer, version, [version], trainer.takeChanged());
      };
      for (let version = 0; version < 10; version++) await publish(version);

      const stop = new AbortController();
      setMaxListeners(0, stop.signal);
      const replicas = Array.from({ length: FOLLOWERS }, () => {
        const source = new ObjectSource(openReader(cached, {}), { pollMs: FOLLOWERS * 2 });
        return new Replica({ source, open: async () => new TinyModel(), exclusive: chain(), now, retryMs: 1 });
      });
      const following = replicas.map((replica) => replica.follow(stop.signal));
      const reach = async (version: number) => {
        while (!replicas.every(({ live }) => live?.version === version))
          await new Promise((resolve) => setTimeout(resolve, 20));
      };
      await reach(9);
      for (let version = 10; version < 20; version++) await publish(version);
      await reach(19);
      stop.abort();
      await Promise.all(following);

      expect(new Set(replicas.map(({ live }) => live!.model.answer()))).toEqual(new Set([trainer.answer()]));
      const entries = [...reads].filter(([url]) => url.endsWith(".hbd"));
      expect(entries.map(([, times]) => times)).toEqual(Array.from({ length: 20 }, () => 1));
    },
    PATIENCE_MS,
  );
});
