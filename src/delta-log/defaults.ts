/** Entries between a log's snapshots, at most: new scorers start from one. */
export const defaultSnapshotEvery = 600;
