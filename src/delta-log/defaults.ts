/** Entries between a log's snapshots, at most: new scorers start from one. */
export const defaultSnapshotEvery = 600;
/** What a delta log may be. */
export const deltaLogs =
  "a directory, kafka://HOST:PORT[,HOST:PORT…]/TOPIC, objects:DIR, s3://BUCKET/PREFIX or, to follow, https://HOST/PATH";
