import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HEAD } from "../../src/checkpoints/remote/head.js";
import { pullCheckpoint } from "../../src/checkpoints/remote/pull.js";
import { pushCheckpoint } from "../../src/checkpoints/remote/push.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import type { HashbrookError } from "../../src/core/errors.js";
import { DirectoryStore } from "../../src/object-store/directory-store.js";
import type { ObjectReader, ObjectStore, StoredObject } from "../../src/object-store/object-store.js";
import { openReader } from "../../src/object-store/open-store.js";
import { doubtfulStore } from "../object-store/doubtful-store.js";
import { fileServer } from "../object-store/file-server.js";
import { content, temporaryDirectory } from "./samples.js";

/** A run with a checkpoint. */
function run(step: number, directory = temporaryDirectory()): string {
  new CheckpointStore(directory).save(step * 100, content(step));
  return directory;
}

/** Every file of a run's checkpoints. */
function newest(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => /\/.*\./.test(name));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(root, name), "base64")]));
}

/** The run's rejected events. */
function reject(root: string, text: string): void {
  mkdirSync(join(root, "rejected"), { recursive: true });
  writeFileSync(join(root, "rejected", "rejected.jsonl"), text);
}

/** Clicks of it that label nothing. */
function keepLate(root: string, text: string): void {
  mkdirSync(join(root, "rejected"), { recursive: true });
  writeFileSync(join(root, "rejected", "late.jsonl"), text);
}

/** A store with some operations replaced. */
const over = (store: ObjectStore, other: Partial<ObjectStore>): ObjectStore => ({
  url: store.url,
  read: (...args) => store.read(...args),
  list: () => store.list(),
  remove: (keys) => store.remove(keys),
  write: (...args) => store.write(...args),
  ...other,
});

function signal(): { readonly given: Promise<void>; give(): void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}

describe("a checkpoint in a store", () => {
  it("is restored byte for byte, and not copied twice", async () => {
    const [from, to] = [run(3), join(temporaryDirectory(), "run")];
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    const pushed = await pushCheckpoint(from, store);
    expect(pushed).toMatchObject({ examples: 300, copied: pushed.bytes, passed_over: [] });
    expect(await pushCheckpoint(from, store)).toMatchObject({ copied: 0 });
    const pulled = await pullCheckpoint(store, to);
    expect(pulled).toMatchObject({
      examples: 300,
      copied: pulled.bytes,
      checkpoint: join(to, "checkpoint-000000000300"),
    });
    expect(newest(to)).toEqual(newest(from));
    expect(await pullCheckpoint(store, to)).toMatchObject({ copied: 0 });
  });

  it("is replaced by a later one; the previous one is kept for readers, earlier ones are not", async () => {
    const from = run(1);
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    await pushCheckpoint(from, store);
    const first = new Set((await store.list()).map((key) => key.slice(0, 16)));
    await store.write("notes.txt", new Uint8Array(3), { immutable: false });
    for (const step of [2, 3]) await pushCheckpoint(run(step, from), store);
    const left = (await store.list()).filter((key) => key.includes("/")).map((key) => key.slice(0, 16));
    expect(new Set(left).size).toBe(2);
    expect(left.some((name) => first.has(name))).toBe(false);
    expect(await store.read("notes.txt")).not.toBeNull();
    const to = join(temporaryDirectory(), "run");
    expect(await pullCheckpoint(store, to)).toMatchObject({ examples: 300 });
  });

  it("refuses an earlier checkpoint, one of another spec, and concurrent writers", async () => {
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    await pushCheckpoint(run(5), store);
    await expect(pushCheckpoint(run(4), store)).rejects.toMatchObject({ code: "output_exists" });
    const other = temporaryDirectory();
    const { meta, blocks } = content(9);
    new CheckpointStore(other).save(900, { meta: { ...meta, spec_hash: "ffffffffffffffff" }, blocks });
    await expect(pushCheckpoint(other, store)).rejects.toMatchObject({ code: "output_exists" });

    let raced = false;
    const racing = over(store, {
      write: async (...args) => {
        if (!raced) {
          raced = true;
          await pushCheckpoint(run(6), store);
        }
        return store.write(...args);
      },
    });
    await expect(pushCheckpoint(run(7), racing)).rejects.toMatchObject({ code: "checkpoint_locked" });
    expect(await pullCheckpoint(store, join(temporaryDirectory(), "run"))).toMatchObject({ examples: 600 });
  });

  it("keeps all its parts if two processes copy at once: one cleans up after the other has read the new head", async () => {
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    await pushCheckpoint(run(5), store);
    const from = run(7);
    const [uploaded, cleaned] = [signal(), signal()];
    let second: Promise<unknown> | undefined;
    const slow = over(store, {
      write: async (key, ...args) => {
        if (key === HEAD) {
          uploaded.give();
          await cleaned.given;
        }
        return store.write(key, ...args);
      },
    });
    const first = over(store, {
      write: async (key, ...args) => {
        const tag = await store.write(key, ...args);
        if (key !== HEAD) return tag;
        second = pushCheckpoint(from, slow);
        await uploaded.given;
        return tag;
      },
    });
    await pushCheckpoint(run(6), first);
    cleaned.give();
    await second;
    const to = join(temporaryDirectory(), "run");
    expect(await pullCheckpoint(store, to)).toMatchObject({ examples: 700 });
    expect(newest(to)).toEqual(newest(from));
  });

  it("is not referenced by the head if a part of it was removed meanwhile", async () => {
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    await pushCheckpoint(run(5), store);
    const before = new Set(await store.list());
    const cleaning = over(store, {
      list: async () => {
        await store.remove((await store.list()).filter((key) => !before.has(key)).slice(-1));
        return store.list();
      },
    });
    await expect(pushCheckpoint(run(6), cleaning)).rejects.toMatchObject({ code: "checkpoint_locked" });
    expect(await pullCheckpoint(store, join(temporaryDirectory(), "run"))).toMatchObject({ examples: 500 });
  });

  it("is pushed to a bucket that answers with errors after it has written, and is not reported as locked", async () => {
    const [from, store] = [run(3), await doubtfulStore()];
    expect(await pushCheckpoint(from, store)).toMatchObject({ examples: 300 });
    const to = join(temporaryDirectory(), "run");
    await pullCheckpoint(store, to);
    expect(newest(to)).toEqual(newest(from));
    expect(await pushCheckpoint(run(4, from), store)).toMatchObject({ examples: 400 });
  });

  it("can be pulled over HTTP", async () => {
    const folder = join(temporaryDirectory(), "store");
    const [from, to] = [run(2), join(temporaryDirectory(), "run")];
    await pushCheckpoint(from, new DirectoryStore(folder));
    await pullCheckpoint(openReader(await fileServer(folder), {}), to);
    expect(newest(to)).toEqual(newest(from));
  });

  it("with any changed byte is refused, and leaves no checkpoint", async () => {
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    await pushCheckpoint(run(2), store);
    for (const key of await store.list()) {
      const { bytes, tag } = (await store.read(key)) as StoredObject;
      for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 20)) {
        const changed = Uint8Array.from(bytes);
        changed[at] ^= 1;
        const tampered: ObjectReader = {
          url: store.url,
          read: async (asked) => (asked === key ? { bytes: changed, tag } : store.read(asked)),
        };
        const to = join(temporaryDirectory(), "run");
        const status = await pullCheckpoint(tampered, to).then(
          ({ examples }) => examples,
          (error: HashbrookError) => error.code,
        );
        // The spec's hash in checkpoint.json is only read by push.
        expect(["checkpoint_damaged", "checkpoint_missing", "checkpoint_mismatch", 200], `${key} ${at}`).toContain(
          status,
        );
        if (status !== 200) expect(new CheckpointStore(to).latest().checkpoint).toBeUndefined();
      }
    }
  });

  it("resumes an interrupted pull, and does not touch another run's files", async () => {
    const folder = join(temporaryDirectory(), "store");
    const store = new DirectoryStore(folder);
    await pushCheckpoint(run(2), store);
    const to = join(temporaryDirectory(), "run");
    await pullCheckpoint(store, to);
    rmSync(join(to, "checkpoint-000000000200", "manifest.json"));
    expect(await pullCheckpoint(store, to)).toMatchObject({ examples: 200 });

    const other = run(2, temporaryDirectory());
    const { meta, blocks } = content(8);
    new CheckpointStore(other).save(200, { meta, blocks });
    await expect(pullCheckpoint(store, other)).rejects.toMatchObject({ code: "output_exists" });
    const later = run(3);
    await expect(pullCheckpoint(store, later)).rejects.toMatchObject({ code: "output_exists" });
    expect(existsSync(join(later, "checkpoint-000000000300", "manifest.json"))).toBe(true);
    const busy = join(temporaryDirectory(), "run");
    const trainer = new CheckpointStore(busy);
    trainer.lock();
    await expect(pullCheckpoint(store, busy)).rejects.toMatchObject({ code: "checkpoint_locked" });
  });

  it("changes nothing in a directory with an earlier checkpoint of another run", async () => {
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    const from = temporaryDirectory();
    const { meta, blocks } = content(2);
    reject(from, '{"code":"bad_label"}\n{"code":"bad_row"}\n');
    new CheckpointStore(from).save(200, { meta: { ...meta, rejected_bytes: 40 }, blocks });
    await pushCheckpoint(from, store);

    const other = temporaryDirectory();
    new CheckpointStore(other).save(100, { meta: { ...meta, spec_hash: "ffffffffffffffff" }, blocks });
    reject(other, "mine\n");
    const same = run(1);
    for (const [directory, theirs] of [
      [other, "mine\n"],
      [same, "mine\n"],
      [same, `${"of this run ".repeat(9)}\n`],
    ]) {
      reject(directory, theirs);
      const before = newest(directory);
      await expect(pullCheckpoint(store, directory)).rejects.toMatchObject({ code: "output_exists" });
      expect(newest(directory)).toEqual(before);
    }
    reject(same, '{"code":"bad_label"}\n');
    expect(await pullCheckpoint(store, same)).toMatchObject({ examples: 200 });
    expect(readFileSync(join(same, "rejected", "rejected.jsonl"))).toHaveLength(40);
  });

  it("comes with the clicks that labelled nothing, without which its run would not go on", async () => {
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    const [from, to] = [temporaryDirectory(), temporaryDirectory()];
    const { meta, blocks } = content(2);
    keepLate(from, '{"reason":"late"}\n{"reason":"orphan"}\n');
    new CheckpointStore(from).save(200, { meta: { ...meta, rejected_bytes: 0, late_bytes: 18 }, blocks });
    await pushCheckpoint(from, store);
    await pullCheckpoint(store, to);
    expect(readFileSync(join(to, "rejected", "late.jsonl"), "utf8")).toBe('{"reason":"late"}\n');
    keepLate(to, '{"reason":"of another run"}\n');
    await expect(pullCheckpoint(store, to)).rejects.toMatchObject({ code: "output_exists" });
  });

  it("that the run replaces by one of the same name while it is copied is not named by the head, and is pushed anew", async () => {
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    const from = run(3);
    let replaced = false;
    const racing = over(store, {
      write: (...args) => {
        if (!replaced) {
          rmSync(join(from, "checkpoint-000000000300"), { recursive: true });
          new CheckpointStore(from).save(300, content(4));
        }
        replaced = true;
        return store.write(...args);
      },
    });
    await expect(pushCheckpoint(from, racing)).rejects.toMatchObject({ code: "checkpoint_missing" });
    expect(await store.list()).toEqual([]);
    await pushCheckpoint(from, store);
    const to = join(temporaryDirectory(), "run");
    await pullCheckpoint(store, to);
    expect(newest(to)).toEqual(newest(from));
  });

  it("that does not exist is reported as missing", async () => {
    const store = new DirectoryStore(join(temporaryDirectory(), "store"));
    await expect(pullCheckpoint(store, temporaryDirectory())).rejects.toMatchObject({ code: "checkpoint_missing" });
  });
});
