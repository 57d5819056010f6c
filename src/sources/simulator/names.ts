/** The simulator's vocabularies. The empty string is a missing value, with its own probability. */

export const ages = ["", "18-24", "25-34", "35-44", "45-54", "55-64", "65+"];
export const genders = ["", "f", "m"];
export const countries = [..."US IN BR DE GB FR JP MX ID IT ES CA TR KR PL NL VN AR AU SE EG ZA CH NO".split(" ")];
/** Hours to add to UTC, per country. */
export const timeZones = [-5, 5, -3, 1, 0, 1, 9, -6, 7, 1, 1, -5, 3, 9, 1, 1, 7, -3, 10, 1, 2, 2, 1, 1];
export const devices = ["phone", "desktop", "tablet", "tv"];
export const systems = ["android", "ios", "windows", "macos", "linux", "tvos"];
/** Operating systems of each device; more common ones are repeated. */
export const systemsOf = [
  [0, 0, 0, 1, 1],
  [2, 2, 2, 3, 3, 4],
  [0, 0, 1, 1],
  [0, 5],
];
export const browsers = ["chrome", "safari", "firefox", "edge", "webview", "samsung"];
export const browsersOf = [[0, 0, 0, 4, 4, 5, 2], [1, 1, 1, 0, 4], [0, 0, 0, 3, 3, 2], [1, 1, 0, 0, 2], [2, 2, 0], [4]];
export const connections = ["", "wifi", "4g", "5g", "3g", "cable"];
export const slots = ["top", "top-right", "feed-1", "feed-2", "feed-3", "sidebar", "article-end", "footer"];
export const siteCategories = [
  ..."news sports weather video music games forum search recipes finance tech shopping".split(" "),
];
export const adCategories = [
  ..."autos banking beauty books dating education electronics fashion fitness food gaming insurance jobs movies property travel".split(
    " ",
  ),
];
export const TOPICS_PER_CATEGORY = 3;
/** What users are interested in: three topics for each ad category. */
export const topics = adCategories.flatMap((category) => [1, 2, 3].map((n) => `${category}.${n}`));
/** The ad category each topic belongs to. */
export const categoryOfTopic = Uint8Array.from(topics, (_, i) => Math.floor(i / TOPICS_PER_CATEGORY));
export const sizes = ["300x250", "728x90", "160x600", "320x50", "970x250", "300x600", "320x100", "native"];
