import type { Command, Option } from "commander";
import { describe, expect, it } from "vitest";
import { commands, listedCommand, loadCommand } from "../../src/cli/commands.js";
import { checked } from "../../src/cli/options.js";

/** A command that only parses. */
async function open(name: string): Promise<Command> {
  const command = checked(await loadCommand(name));
  const quiet = { writeErr: () => {}, writeOut: () => {} };
  return command
    .action(() => {})
    .exitOverride()
    .configureOutput(quiet);
}

/** A command's error for a flag's value; "" if it is accepted. */
async function answer(name: string, flag: string, value: string): Promise<string> {
  const command = await open(name);
  for (const option of command.options) option.mandatory = false;
  for (const argument of command.registeredArguments) argument.required = false;
  try {
    await command.parseAsync([`${flag}=${value}`], { from: "user" });
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

const WHOLE = ["-1", "1.5", "x", " ", "_", "0x10", "1e99", "NaN", "Infinity", "--", "１"];
const PORTS = [...WHOLE, "65536", "99999"];
const COUNTS = [...WHOLE, "0"];
const BROKERS = [
  "localhost",
  ":9092",
  "h:",
  "h:0",
  "h:65536",
  "h:99999",
  "127.0.0.1:99999",
  "h:1,h:x",
  "http://h:1",
  ",",
];
const TOPICS = ["a/b", "a b", ".", "..", "é", "x".repeat(250)];
const LOGS = ["kafka://h", "kafka://h/t", "kafka://h:99999/t", "kafka://h:1/a b", "ftp://h:1/t", "kafka://h:1/"];
const PLACES = ["kafka://h", "kafka://h:99999/t", "kafka://h:1/a b", "http://h:1/t", "kafka://h:1/"];
const POLICIES = [
  "x",
  "softmax",
  "softmax:0",
  "softmax:x",
  "epsilon-greedy",
  "epsilon-greedy:1.5",
  "thompson:0",
  "thompson:1:2",
];
const HOSTS = ["a b", "a..b", "http://h", "h:80", "-h", "1.2.3.4/8"];
const POSITIVE = ["0", "-1", "x", "_", "1e999", "NaN"];

/** Flag, values that are refused, the expected error. */
const refused: readonly (readonly [flags: RegExp, values: readonly string[], says: RegExp])[] = [
  [/^--(limit|max-rejects|rows|checkpoint-seconds|top|passes)$/, WHOLE, /whole number of (0 or more|at least 1)/],
  [
    /^--(epochs|checkpoint-every|keep|snapshot-every|partitions|early-stop|lanes|processes|owners|random|candidates|max-queue|max-connections|repetitions|block|heaviest)$/,
    COUNTS,
    /whole number of at least 1/,
  ],
  [/^--(lane|owner)$/, ["4", "4/4", "-1/2", "1/0", "x/2", "1/2/3"], /the k-th of n processes/],
  [/^--threads$/, [...COUNTS, "1025"], /whole number of 1 to 1024/],
  [/^--workers$/, [...WHOLE, "1025"], /whole number of [01] to /],
  [/^--seed$/, [...WHOLE, "4294967296"], /0 to 4294967295/],
  [/^--(port|serve|metrics-port|admin-port)$/, PORTS, /a port, 0 to 65535/],
  [
    /^--(linger-ms|publish-ms|drain-ms|keep-alive-ms|clicks-quiet-ms|takeover-ms)$/,
    [...WHOLE, "86400001"],
    /milliseconds, 0 to 86400000/,
  ],
  [/^--(rate|rate-limit)$/, POSITIVE, /a number above 0/],
  [/^--click-window$/, ["-1", "0", "x", "15x", "1e9"], /a duration above 0: 90, 30s, 15m, 2h, 1d/],
  [/^--dims$/, ["x", "0", "-1", "user=", "user=0", "user=x", "=8", "user=8,,ad=4"], /components by field or table/],
  [/^--budget$/, ["0", "-1", "x", "0%", "10 %%", "1e9 MB"], /bytes, or a share/],
  [/^--cache-bytes$/, ["0", "-1", "x", "10%"], /a size, such as/],
  [
    /^--row-cache$/,
    ["", "h:6379", "http://h", "redis://", "redis://h:70000", "redis://a:1,:2"],
    /Valkey or Redis server/,
  ],
  [/^--schema-registry$/, ["registry:8081", "ftp://h", "https://u:p@h"], /invalid schema registry URL/],
  [/^--time$/, ["-1", "0", "x", "15x"], /a duration above 0/],
  [/^--(host|owner-host)$/, HOSTS, /a host name or address/],
  [/^--kafka$/, BROKERS, /host:port \(1 to 65535\)/],
  [/^--(topic|dead-letter-topic|clicks-topic|conversions-topic|late-topic|rounds-topic)$/, TOPICS, /a topic name/],
  [/^--(publish|follow)$/, LOGS, /kafka:\/\/HOST:PORT(\[.*\])?\/TOPIC|host:port|a topic name/],
  [/^--log$/, PLACES, /kafka:\/\/HOST:PORT\/TOPIC|host:port|a topic name/],
  [/^--log-share$/, ["-1", "x", "1.5", "110%"], /a share from 0 to 1/],
  [/^--explore$/, POLICIES, /epsilon-greedy:E with E from 0 to 1, softmax:T with T above 0, or thompson/],
  [/^--store$/, ["runs/ads", "ftp://h/x", "s3://", "objects:", "https://h/x?y"], /objects:DIR|https:\/\/HOST\/PATH/],
  [
    /^--from$/,
    ["-1,-1", "0,-1", "x", "2026-13-45", "1,,2", "yesterday"],
    /earliest, latest, an offset.*0,17,3.*2026-11-24T06:00:00Z/,
  ],
  [/^--until$/, ["-1", "x", "2026-13-45", "earliest"], /end, or a time such as 2026-11-24T06:00:00Z/],
  [/^--init-table$/, ["items", "=x", "items="], /a table's name and a folder/],
  [/^--(dim|window|negative|min-count)$/, COUNTS, /whole number of at least 1/],
  [/^--exponent$/, ["x", "_", "NaN"], /It must be a number/],
  [/^--sample$/, ["-1", "x"], /a number of 0 or more/],
  [/^--architecture$/, ["x"], /Allowed choices are/],
  [/^--freeze$/, [",", "tower,"], /names, separated by commas/],
  [
    /^--(tower|precision|format|compression|on-lost-offsets|kafka-client|onnx|metric)$/,
    ["x", "F32"],
    /Allowed choices are/,
  ],
];
/** Values that must remain valid. */
const taken: readonly (readonly [flags: RegExp, values: readonly string[]])[] = [
  [/^--(limit|rows)$/, ["1_000_000", "1e6", "7"]],
  [/^--(port|serve|metrics-port)$/, ["0", "65535"]],
  [/^--schema-registry$/, ["http://registry:8081", "https://h/path/"]],
  [/^--kafka$/, ["h:9092", "a:1,b:2", "[::1]:9092", "kafka://h:1"]],
  [/^--(publish|follow)$/, ["runs/log", "kafka://h:9092,i:9092/deltas"]],
  [/^--(follow|checkpoint)$/, ["ads=runs/log", "runs/a=b/c"]],
  [/^--log$/, ["logs/scored", "kafka://h:9092,i:9092/scored"]],
  [/^--explore$/, ["epsilon-greedy:0", "epsilon-greedy:0.1", "softmax:.5", "thompson", "thompson:10"]],
  [/^--store$/, ["objects:runs/copies"]],
  [/^--budget$/, ["200MB", "1.5 GiB", "50_000_000", "10%", "0.5 %"]],
  [/^--cache-bytes$/, ["8GiB", "500_000"]],
  [/^--row-cache$/, ["redis://h", "rediss://u:p@h:6379", "valkey://a:1,[::1]:2"]],
  [/^--time$/, ["90", "30s", "15m", "1.5h"]],
  [/^--host$/, ["0.0.0.0", "::", "localhost", "scorer-1.ads.internal", "my_host"]],
  [/^--from$/, ["earliest", "latest", "0,17,3", "2026-11-24", "2026-11-24T06:00:00Z"]],
  [/^--click-window$/, ["90", "30s", "15m", "1.5h", "7d"]],
  [/^--until$/, ["end", "2026-11-24T06:00:00Z"]],
  [/^--topic$/, ["ads.v2-x_y"]],
  [/^--freeze$/, ["tower", "tables.a, tables.b", "none"]],
  [/^--dims$/, ["8", "all=8", "user=8,C1=4", "user=8, ad=4"]],
];

const takesValue = ({ required, optional }: Option) => required || optional;

describe.each(Object.keys(commands))("%s", (name) => {
  it("is listed in the program's help, which loads no command, with its own description", async () => {
    const [listed, command] = [listedCommand(name), await open(name)];
    expect([listed.name(), listed.usage(), listed.description()]).toEqual([
      name,
      command.usage(),
      command.description(),
    ]);
    expect(listed.description()).not.toBe("");
  });

  it("refuses an invalid value of every flag, naming the flag and the accepted values", async () => {
    for (const { long } of (await open(name)).options.filter(takesValue)) {
      expect(await answer(name, long!, ""), `${long} ''`).toMatch(long!);
      for (const [flags, values, says] of refused) {
        if (!flags.test(long!)) continue;
        for (const value of values) {
          const error = await answer(name, long!, value);
          expect(error, `${long} ${value}`).toMatch(long!);
          expect(error, `${long} ${value}`).toMatch(says);
        }
      }
    }
  });

  it("accepts valid values", async () => {
    for (const { long } of (await open(name)).options.filter(takesValue)) {
      for (const [flags, values] of taken) {
        if (!flags.test(long!)) continue;
        for (const value of values) expect(await answer(name, long!, value), `${long} ${value}`).toBe("");
      }
    }
  });
});

it("every flag with a number, a port, a host or an address is in the table", async () => {
  const plain =
    /^--(ips|rewards|data|model|out|checkpoint|group|group-auc|field|by|value|columns|key|clicks|conversions|impressions|validate|validate-last|keep-rows|max-staleness|max-skipped|name|set|strategies|again|token-file|admin-token-file|tls-cert|tls-key|init-from|sequence-by|neighbors|row-store|label|positive)$/;
  const files = /^--(names|svg|texts)$/;
  const known = [...refused.map(([flags]) => flags), plain, files];
  for (const name of Object.keys(commands)) {
    const flags = (await open(name)).options.filter(takesValue).map(({ long }) => long!);
    expect(flags.filter((flag) => !known.some((pattern) => pattern.test(flag)))).toEqual([]);
  }
});
