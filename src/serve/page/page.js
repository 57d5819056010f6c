// The live page: asks /v1/live every two seconds, and draws what it says. Plain JavaScript, no build.
const $ = (selector) => document.querySelector(selector);
const POLL_MS = 2000;
const WINDOW = 60;

let chosen;
let shownCard;
/** Axis of seconds before now. */
const MINUTES = {
  incrs: [60, 120, 300],
  values: (_, ticks) => ticks.map((seconds) => (seconds === 0 ? "now" : `${seconds / 60} min`)),
};
const COMPACT = new Intl.NumberFormat("en", { notation: "compact" });
/** Axis of examples, which may be billions. */
const NUMBERS = { values: (_, ticks) => ticks.map((value) => COMPACT.format(value)) };
const plots = new Map();

const token = () => sessionStorage.getItem("token");

async function ask(path, body) {
  const headers = { ...(token() && { authorization: `Bearer ${token()}` }), ...(body && { "content-type": "application/json" }) };
  const response = await fetch(path, { method: body ? "POST" : "GET", headers, body });
  $("#login").hidden = response.status !== 401;
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.hint ? `${answer.error}\n${answer.hint}` : answer.error);
  return answer;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

/** Draws columns into a figure: makes its plot once, and anew when its width or the colours change. */
function draw(id, columns, { series, time = false, scales = {}, none }) {
  const figure = $(`#${id}`);
  if (columns[0].length === 0) {
    plots.get(id)?.plot.destroy();
    plots.delete(id);
    figure.replaceChildren(note(none));
    return;
  }
  const look = `${figure.clientWidth} ${colour("--ink")}`;
  const before = plots.get(id);
  if (before?.look === look) return before.plot.setData(columns);
  before?.plot.destroy();
  figure.replaceChildren();
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const options = {
    width: figure.clientWidth,
    height: figure.clientHeight - (series.length > 1 ? 30 : 0),
    legend: { show: series.length > 1, live: false },
    cursor: { y: false },
    scales: { x: { time: false }, ...scales },
    axes: [{ ...axis, ...(time ? MINUTES : NUMBERS) }, { ...axis, size: 56 }],
    series: [{ label: "" }, ...series.map(line)],
  };
  plots.set(id, { look, plot: new uPlot(options, columns, figure) });
}

function line({ label, colour: name, bars, points }) {
  const stroke = colour(name);
  return {
    label,
    stroke,
    width: 1.5,
    points: { show: points ?? false, size: 5, fill: stroke },
    ...(bars && { fill: `${stroke}66`, paths: uPlot.paths.bars({ size: [0.9] }) }),
  };
}

const number = (value, digits = 4) => (value == null ? "–" : Number(value.toPrecision(digits)).toLocaleString("en"));

function figures(traffic, model) {
  const last = (column) => column.slice(-WINDOW - 1, -1);
  const sum = (column) => last(column).reduce((a, b) => a + b, 0);
  const worst = (column) => Math.max(...last(column).filter((x) => x !== null));
  const requests = sum(traffic.requests);
  const quality = model?.quality?.lifetime;
  const told = {
    "Requests per second": number(requests / WINDOW, 3),
    "Candidates per second": number(sum(traffic.candidates) / WINDOW, 3),
    "Slowest p99, ms": requests ? number(worst(traffic.p99_ms), 3) : "–",
    Errors: requests ? `${number((100 * sum(traffic.errors)) / requests, 2)} %` : "–",
    "Examples learned": model?.version == null ? "–" : model.version.toLocaleString("en"),
    AUC: number(quality?.auc),
    Logloss: number(quality?.logloss),
    "Predicted ÷ actual": number(quality?.calibration),
    ...(model?.staleness != null && { "Log staleness, s": number(model.staleness, 3) }),
  };
  const parts = Object.entries(told).flatMap(([name, value]) => {
    const row = document.createElement("div");
    row.append(Object.assign(document.createElement("dt"), { textContent: name }));
    row.append(Object.assign(document.createElement("dd"), { textContent: value }));
    return row;
  });
  $("#figures").replaceChildren(...parts);
}

function charts({ traffic }, model) {
  draw("requests", [traffic.seconds, traffic.requests, traffic.errors], {
    time: true,
    series: [
      { label: "requests", colour: "--one" },
      { label: "errors", colour: "--two" },
    ],
  });
  draw("latency", [traffic.seconds, traffic.p50_ms, traffic.p99_ms], {
    time: true,
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most ?? 0)] } },
    series: [
      { label: "p50", colour: "--one" },
      { label: "p99", colour: "--two" },
    ],
  });
  const { logits, counts } = traffic.scores;
  const any = counts.some((count) => count > 0);
  draw("scores", [any ? logits : [], counts], {
    series: [{ label: "scores by logit", colour: "--one", bars: true }],
    none: "No candidate was scored in the last ten minutes.",
  });
  const { windows = [], reliability = [] } = model?.quality ?? {};
  const none = "The delta log does not contain the trainer's quality: see the trainer's metrics.";
  const predicted = reliability.map((point) => point.predicted);
  draw("reliability", [predicted, reliability.map((point) => point.actual), predicted], {
    series: [
      { label: "clicked", colour: "--one", points: true },
      { label: "predicted", colour: "--two" },
    ],
    none,
  });
  const ends = windows.map((window) => window.to);
  for (const name of ["auc", "logloss"]) {
    draw(name, [ends, windows.map((window) => window[name])], {
      series: [{ label: name, colour: "--one", points: windows.length < 40 }],
      none: model?.quality ? "No window of the stream is complete yet." : none,
    });
  }
}

const percent = (part, whole) => (whole === 0 ? "–" : `${number((100 * part) / whole, 3)} %`);

/** How full the tables are, and how many of the ids asked lately are new to the model. */
function facts(model) {
  const { tables = [], unseen = [] } = model ?? {};
  const fills = tables.map(({ name, encoding, rows, bytes, fill }) => {
    const full = fill === null ? "grows" : percent(fill, 1);
    return [`${name}, ${encoding}`, rows.toLocaleString("en"), full, `${number(bytes / 2 ** 20, 3)} MiB`];
  });
  $("#tables").replaceChildren(table(["table", "rows", "full", "memory"], fills));
  const asked = unseen.filter(({ looked }) => looked > 0);
  const rates = asked.map(({ field, looked, unseen }) => [field, percent(unseen, looked), looked.toLocaleString("en")]);
  const none = unseen.length ? "No ids have been looked up yet." : "The ids of this model have no rows of their own.";
  const told = rates.length ? table(["field", "unseen", "looked up"], rates) : note(none);
  $("#unseen").replaceChildren(told);
}

const note = (textContent) => Object.assign(document.createElement("p"), { textContent });

function state(model) {
  const place = $("#state");
  place.className = model?.ready ? "ready" : "bad";
  const version = model?.version == null ? "no model yet" : `${model.model}, version ${model.version}, spec ${model.spec_hash}`;
  place.textContent = `${model?.ready ? "ready" : "not ready"}: ${version}`;
}

/** The model's fields, an example request, and its tables; when another version of the spec answers. */
async function card(model) {
  if (!model?.spec_hash || shownCard === model.spec_hash) return;
  const { fields, tables } = await ask(`v1/models/${encodeURIComponent(model.name)}`);
  shownCard = model.spec_hash;
  const rows = fields.map(({ name, type, from, of, missing }) => [name, type, from ?? of?.join(" × ") ?? "", missing]);
  $("#card").replaceChildren(table(["field", "type", "member", "if missing"], rows));
  $("#score textarea").value ||= JSON.stringify(example(fields), null, 1);
  const embedded = new Set(tables.flatMap(({ fields }) => fields));
  const ids = fields.filter(({ name, type }) => embedded.has(name) && (type === "categorical" || type === "bag"));
  $("#lookup select").replaceChildren(...ids.map(({ name }) => new Option(name)));
}

function example(fields) {
  const candidate = {};
  for (const { from, type } of fields.filter(({ from }) => from)) {
    const path = from.split(".");
    const place = path.slice(0, -1).reduce((at, name) => (at[name] ??= {}), candidate);
    place[path.at(-1)] = { numeric: 0, bag: [], vector: null }[type] ?? "";
  }
  return { context: {}, candidates: [candidate] };
}

function table(heads, rows) {
  const cells = (kind, texts) => {
    const row = document.createElement("tr");
    row.append(...texts.map((textContent) => Object.assign(document.createElement(kind), { textContent })));
    return row;
  };
  const made = document.createElement("table");
  made.append(cells("th", heads), ...rows.map((row) => cells("td", row)));
  return made;
}

async function refresh() {
  try {
    const live = await ask("v1/live");
    const names = live.models.map(({ name }) => name);
    if (!names.includes(chosen)) {
      chosen = names[0];
      $("#model").replaceChildren(...names.map((name) => new Option(name)));
    }
    const model = live.models.find(({ name }) => name === chosen);
    state(model);
    figures(live.traffic, model);
    charts(live, model);
    facts(model);
    await card(model);
  } catch (error) {
    $("#state").className = "bad";
    $("#state").textContent = error.message.split("\n")[0];
  }
}

/** Answers a form below it. */
function answering(form, action) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const output = form.querySelector("output");
    try {
      output.textContent = JSON.stringify(await action(new FormData(form)), null, 1);
      output.className = "";
    } catch (error) {
      output.textContent = error.message;
      output.className = "bad";
    }
  });
}

const model = () => `v1/models/${encodeURIComponent(chosen)}`;
answering($("#score"), () => ask(`${model()}:score`, $("#score textarea").value));
answering($("#lookup"), async (form) => {
  const [field, id] = [form.get("field"), form.get("id")];
  const { vectors } = await ask(`${model()}/embeddings:lookup`, JSON.stringify({ field, ids: [id] }));
  const near = await ask(`${model()}/neighbors`, JSON.stringify({ field, id, k: 5 })).then(
    ({ neighbors }) => neighbors,
    (error) => error.message,
  );
  return { ...vectors[0], neighbors: near };
});
$("#login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", $("#login input").value);
  refresh();
});
$("#model").addEventListener("change", (event) => {
  chosen = event.target.value;
  shownCard = undefined;
  $("#score textarea").value = "";
  refresh();
});

await refresh();
setInterval(() => document.hidden || refresh(), POLL_MS);
