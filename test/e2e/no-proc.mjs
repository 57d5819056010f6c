// What Node does in a jail without /proc.
const fails = () => {
  throw Object.assign(new Error("ENOENT: no such file or directory, uv_resident_set_memory"), { code: "ENOENT" });
};
process.memoryUsage = Object.assign(fails, { rss: fails });
