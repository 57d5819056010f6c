import { expect, test } from "vitest";
import { withoutSecrets } from "../../src/core/address.js";

test.each(["/srv/team@x/log", "./a@b?", "runs/a@b", "a@b", "~/me@home/log", "objects:/srv/x:1@y"])(
  "a path with @, %s, is shown as it is, not masked like a login",
  (path) => {
    expect(withoutSecrets(path)).toBe(path);
  },
);

test.each([
  ["s3://KEY:SECRET@bucket/prefix", "s3://***@bucket/prefix"],
  ["https://token@host/a?signature=x", "https://***@host/a?***"],
  ["kafka://user:pa/ss@host:9092/topic", "kafka://***@host:9092/topic"],
  ["user:p@ss@host:9092", "***@host:9092"],
  ["user@host:9092", "***@host:9092"],
])("%s is shown without its login", (address, shown) => {
  expect(withoutSecrets(address)).toBe(shown);
});
