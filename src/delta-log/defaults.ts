/** Most entries between a log's snapshots, from which new scorers start. */
export const defaultSnapshotEvery = 600;
/** The kinds of delta logs. */
export const deltaLogs =
  "a directory, kafka://HOST:PORT[,HOST:PORT…]/TOPIC, objects:DIR, s3://BUCKET/PREFIX or, only to follow, https://HOST/PATH";
