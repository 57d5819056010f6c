import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Processes, systemProcesses, WriterLock } from "../../src/checkpoints/lock.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { type Files, nodeFiles } from "../../src/core/files.js";
import type { ProcessId } from "../../src/core/processes.js";
import { OrderLog } from "../../src/train/ordering/order-log.js";
import { content, errorOf, temporaryDirectory } from "./samples.js";

/** Processes of one machine: the caller and those alive. */
function processes(pid: number, alive: readonly number[], machine = "0000aaaa"): Processes {
  const living = (id: ProcessId) => id.machine === machine && alive.includes(id.pid);
  return { self: () => ({ pid, started: pid * 10, machine }), alive: living };
}

describe("WriterLock", () => {
  it("admits one process, and the next after it", () => {
    const directory = temporaryDirectory();
    const first = new WriterLock(directory, nodeFiles, processes(1, [1, 2]));
    const error = errorOf(() => new WriterLock(directory, nodeFiles, processes(2, [1, 2])));
    expect([error.code, error.message]).toEqual(["checkpoint_locked", `${directory}: process 1 is writing here`]);
    expect(first.held()).toBe(true);
    first.release();
    new WriterLock(directory, nodeFiles, processes(2, [1, 2]));
    expect(readdirSync(directory)).toEqual(["writer-2-20-0000aaaa.lock"]);
  });

  it("takes over from dead processes, also after a reboot", () => {
    const directory = temporaryDirectory();
    new WriterLock(directory, nodeFiles, processes(1, [1]));
    new WriterLock(directory, nodeFiles, processes(2, [2]));
    new WriterLock(directory, nodeFiles, processes(2, [2], "0000bbbb"));
    expect(readdirSync(directory)).toEqual(["writer-2-20-0000bbbb.lock"]);
  });

  it("leaves other files alone", () => {
    const directory = temporaryDirectory();
    for (const name of ["writer.lock", "writer-1-x.lock", "model.yaml"]) writeFileSync(join(directory, name), "");
    new WriterLock(directory, nodeFiles, processes(1, [1])).release();
    expect(readdirSync(directory)).toEqual(["model.yaml", "writer-1-x.lock", "writer.lock"]);
  });

  it("admits at most one of two processes that check at the same instant", () => {
    const directory = temporaryDirectory();
    const entered: number[] = [];
    const enter = (pid: number, files = nodeFiles) => {
      try {
        new WriterLock(directory, files, processes(pid, [1, 2]));
        entered.push(pid);
      } catch (error) {
        expect(error).toHaveProperty("code", "checkpoint_locked");
      }
    };
    let interrupted = false;
    const list = (path: string) => {
      if (!interrupted) {
        interrupted = true;
        enter(2);
      }
      return nodeFiles.list(path);
    };
    enter(1, { ...nodeFiles, list });
    expect(interrupted).toBe(true);
    expect(entered).toEqual([1]);
  });
});

describe("systemProcesses", () => {
  const idOf = (pid: number) => ({ ...systemProcesses.self(), pid });

  it("recognizes its own process, and that a reused pid is another process", () => {
    const self = systemProcesses.self();
    expect(self.pid).toBe(process.pid);
    expect(systemProcesses.alive(self)).toBe(true);
    if (self.started > 0) expect(systemProcesses.alive({ ...self, started: self.started - 1 })).toBe(false);
    expect(systemProcesses.alive({ ...self, machine: "00000000" })).toBe(false);
  });

  it("probes with a signal if start times are unknown", async () => {
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
    await once(child, "spawn");
    expect(systemProcesses.alive({ ...idOf(child.pid!), started: 0 })).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(systemProcesses.alive({ ...idOf(child.pid!), started: 0 })).toBe(false);
  });
});

describe("CheckpointStore.lock", () => {
  it("keeps a second store out, in this process too, until it is unlocked", () => {
    const directory = temporaryDirectory();
    const [one, other] = [new CheckpointStore(directory), new CheckpointStore(directory)];
    one.lock();
    expect(errorOf(() => other.lock()).code).toBe("checkpoint_locked");
    one.unlock();
    other.lock();
    other.unlock();
    expect(readdirSync(directory)).toEqual([]);
  });

  it("is not part of a checkpoint", () => {
    const store = new CheckpointStore(temporaryDirectory());
    store.lock();
    const { path } = store.save(1, content(1));
    expect(readdirSync(path).filter((name) => name.includes("lock"))).toEqual([]);
    const lock = readdirSync(store.directory).find((name) => name.endsWith(".lock"))!;
    expect(lock).toMatch(new RegExp(`^writer-${process.pid}-`));
  });

  it("stops a writer whose directory was taken over, before anything becomes visible", () => {
    const store = new CheckpointStore(temporaryDirectory());
    store.lock();
    store.save(1, content(1));
    rmSync(join(store.directory, readdirSync(store.directory).find((name) => name.endsWith(".lock"))!));
    const rival = new CheckpointStore(store.directory, nodeFiles, processes(2, [2]));
    rival.lock();
    expect(errorOf(() => store.save(2, content(2))).code).toBe("checkpoint_locked");
    expect(errorOf(() => store.prune()).code).toBe("checkpoint_locked");
    expect(rival.latest().checkpoint!.examples).toBe(1);
    rival.save(3, content(3));
    expect(rival.latest().checkpoint!.examples).toBe(3);
  });

  it("tells a directory that was moved or removed from one that another process took over", () => {
    const store = new CheckpointStore(temporaryDirectory());
    store.lock();
    store.save(1, content(1));
    renameSync(store.directory, `${store.directory}-moved`);
    expect(errorOf(() => store.save(2, content(2)))).toMatchObject({
      code: "checkpoint_write",
      message: expect.stringContaining("was moved or removed"),
    });
  });

  it("keeps a writer that was taken over from writing over the other's lines", () => {
    const store = new CheckpointStore(temporaryDirectory(), nodeFiles, processes(1, [1]));
    store.lock();
    const late = new OrderLog(store.directory, {}, store.fenced);
    // In another container: the first one's process is not visible there.
    const rival = new CheckpointStore(store.directory, nodeFiles, processes(1, [1], "0000bbbb"));
    rival.lock();
    const order = new OrderLog(store.directory, {}, rival.fenced);
    order.append([{ kind: "turn", at: 3, partition: 1 }]);
    order.sync();
    late.append([{ kind: "close", at: 7 }]);
    expect(errorOf(() => late.sync()).code).toBe("checkpoint_locked");
    late.close();
    order.close();
    expect(new OrderLog(store.directory).entries).toEqual([{ kind: "turn", at: 3, partition: 1 }]);
  });

  it("does not commit, nor touch the other writer's files, if it is taken over during a save", () => {
    const directory = temporaryDirectory();
    const rename: Files["rename"] = () => expect.unreachable("the late writer committed");
    let saving = false;
    const fsync: Files["fsync"] = (file) => {
      nodeFiles.fsync(file);
      if (!saving) return;
      saving = false;
      const locks = readdirSync(directory).filter((name) => name.endsWith(".lock"));
      for (const name of locks) rmSync(join(directory, name));
      const rival = new CheckpointStore(directory, nodeFiles, processes(2, [2]));
      rival.lock();
      rival.save(5, content(7));
    };
    const late = new CheckpointStore(directory, { ...nodeFiles, fsync, rename });
    late.lock();
    saving = true;
    expect(errorOf(() => late.save(5, content(5))).code).toBe("checkpoint_locked");
    expect(new CheckpointStore(directory).latest().checkpoint!.content().meta).toEqual(content(7).meta);
  });
});
