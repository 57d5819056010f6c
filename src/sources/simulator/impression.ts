// biome-ignore format: one look shows the order
/** The columns of the simulator's TSV, in order, and the names of its JSON members. */
export const simulatorColumns = [
  "label", "oracle", "ts_ms", "event_id", "user", "user_age_group", "user_gender", "user_country", "device", "os",
  "browser", "connection", "hour_of_day", "day_of_week", "slot", "site", "site_category", "ad", "campaign",
  "advertiser", "ad_category", "creative_size", "bid_bucket", "user_ad_views", "user_interests", "price", "ctr_hint",
  "query_len",
] as const;

/** One ad impression as numbers; indices point into a vocabulary. −1 = missing. */
export interface Impression {
  label: number;
  /** True click probability. */
  oracle: number;
  /** ms since the epoch. */
  time: number;
  /** Its number; the seed determines the first one. */
  event: number;
  user: number;
  age: number;
  gender: number;
  country: number;
  device: number;
  system: number;
  browser: number;
  connection: number;
  /** Local hour, 0–23. */
  hour: number;
  /** Local day, 0 = Monday. */
  day: number;
  slot: number;
  site: number;
  siteCategory: number;
  ad: number;
  campaign: number;
  advertiser: number;
  adCategory: number;
  size: number;
  /** 0–9. */
  bid: number;
  /** Ads the user has seen today. */
  views: number;
  /** Topic indices; only the first `interestCount` are valid. */
  readonly interests: Uint8Array;
  interestCount: number;
  /** In cents. */
  price: number;
  /** In ten-thousandths. */
  hint: number;
  /** Number of words. */
  query: number;
}
