import { execFileSync } from "node:child_process";

/** Address of this machine for processes behind links. */
export const HUB = "10.213.0.1";
/** Burst of a link in bits: only a few packets, so that its rate also holds for a message. */
const BURST = "128kb";
const LONGEST_QUEUE = "2s";

/** Network links of a fixed rate, both ways, between this machine and processes with separate network namespaces. */
export class Links {
  private readonly bridge = `hb${process.pid}`;
  private readonly spaces = new Set<string>();

  /** @returns null if links cannot be created here */
  static whyUnavailable(): string | null {
    try {
      const probe = new Links();
      probe.by(0, 1e9);
      probe.close();
      return null;
    } catch (error) {
      return `cannot create a network link with a rate limit here: ${error instanceof Error ? error.message : error}`;
    }
  }

  constructor() {
    ip("link", "add", this.bridge, "type", "bridge");
    ip("addr", "add", `${HUB}/24`, "dev", this.bridge);
    ip("link", "set", this.bridge, "up");
  }

  /** The command that runs another one behind the link of this number. @param rate bits per second, in each direction */
  by(number: number, rate: number): string[] {
    const [space, outer] = [`${this.bridge}-${number}`, `${this.bridge}v${number}`];
    if (!this.spaces.has(space)) this.make(space, outer, Links.address(number));
    bound(["-n", space], "eth0", rate);
    bound([], outer, rate);
    return ["ip", "netns", "exec", space];
  }

  /** Address of a process behind a link for others. */
  static address(number: number): string {
    return `10.213.0.${number + 2}`;
  }

  /** Removes them; their processes have ended. */
  close(): void {
    for (const space of this.spaces) ip("netns", "del", space);
    this.spaces.clear();
    ip("link", "del", this.bridge);
  }

  private make(space: string, outer: string, address: string): void {
    ip("netns", "add", space);
    this.spaces.add(space);
    ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", space);
    ip("link", "set", outer, "master", this.bridge, "up");
    ip("-n", space, "addr", "add", `${address}/24`, "dev", "eth0");
    for (const device of ["eth0", "lo"]) ip("-n", space, "link", "set", device, "up");
  }
}

function bound(space: readonly string[], device: string, rate: number): void {
  const limit = ["rate", `${Math.round(rate)}bit`, "burst", BURST, "latency", LONGEST_QUEUE];
  execFileSync("tc", [...space, "qdisc", "replace", "dev", device, "root", "tbf", ...limit], { stdio: "pipe" });
}

function ip(...args: readonly string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}
