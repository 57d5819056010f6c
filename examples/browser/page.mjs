// Loads a model's file into the page and scores the candidates typed there, best first.
import { Scorer } from "hashbrook/scorer";

const element = (name) => document.querySelector(name);
const state = element("#state");

function tell(text, isError = false) {
  state.textContent = text;
  state.className = isError ? "error" : "";
}

function cell(className, content) {
  const td = document.createElement("td");
  td.className = className;
  td.append(content);
  return td;
}

function row({ candidate, score }) {
  const [text, bar, tr] = ["code", "div", "tr"].map((name) => document.createElement(name));
  text.textContent = JSON.stringify(candidate);
  bar.style.width = `${100 * score}%`;
  tr.append(cell("", text), cell("score", score.toPrecision(4)), cell("bar", bar));
  return tr;
}

async function score(scorer) {
  const request = element("#request").value;
  const started = performance.now();
  const { scores, ignored } = await scorer.score(request);
  const took = performance.now() - started;
  const candidates = JSON.parse(request).candidates.map((candidate, i) => ({ candidate, score: scores[i] }));
  candidates.sort((a, b) => b.score - a.score);
  element("tbody").replaceChildren(...candidates.map(row));
  element("table").hidden = false;
  const unread = ignored.length > 0 ? ` No field reads ${ignored.join(", ")}.` : "";
  tell(`${scores.length} candidates in ${took.toFixed(1)} ms.${unread}`);
}

const tellError = (error) => tell(`${error.message}${error.hint ? ` (${error.hint})` : ""}`, true);

try {
  const scorer = await Scorer.load(new URLSearchParams(location.search).get("model") ?? "scorer.hbd");
  const { model, version } = scorer.model;
  tell(`${model}, ${version.toLocaleString("en")} examples learned.`);
  element("button").disabled = false;
  element("form").addEventListener("submit", (event) => {
    event.preventDefault();
    score(scorer).catch(tellError);
  });
} catch (error) {
  tellError(error);
}
