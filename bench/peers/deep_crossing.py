"""Deep Crossing in PyTorch over a TSV stream, one pass, every event scored before it is learned from.

The peer that Hashbrook's own deep_crossing is measured against: the same fields, dims, residual units and batch, AdaGrad
on the embedding rows and Adam on the rest. Values become integers in memory first and that time is reported apart, so
`examples_per_second` is the training loop alone: look-ups, forward, backward and updates.

    deep_crossing.py EVENTS.tsv                         the plain recipe on the Globo stream
    deep_crossing.py EVENTS.tsv --config globo-crosses  with the crosses of features/globo-deep-crossing.yaml
    deep_crossing.py EVENTS.tsv --config criteo         39 Criteo columns
    deep_crossing.py EVENTS.tsv --config mine.json --batch 256 --threads 2

A configuration is a JSON object, in a file or on the command line:

    {"columns": ["label", "user", "item", "age"],   the file's columns; there is no header
     "label": "label", "positive": "1",
     "fields": [{"of": ["user"], "dim": 8},         an embedding of one column,
                {"of": ["item", "age/60"]},         or of several together; a number may be bucketed: C/60 is floor(C / 60),
                {"of": ["log2 age"]}],              log2 C is floor(log2(C + 2)); an empty value is a value of its own
     "dim": 16, "residual": [256, 256], "batch": 512, "threads": 1, "lr": 1e-3,
     "embedding_lr": 0.05, "init": 0.05}

`--rows manual` learns embedding rows by index operations; `--rows sparse` is nn.Embedding(sparse=True) with
torch.optim.Adagrad. README.md tells what else was tried; no way was clearly faster than the default.
"""

import argparse
import json
import os
import time

GLOBO = "label id ts_ms user session article age_min environment device os country region referrer hour".split()
CONTEXT = "environment device os country region referrer hour".split()
COUNTS = [f"I{i}" for i in range(1, 14)]
IDS = [f"C{i}" for i in range(1, 27)]
BASE = {"label": "label", "positive": "1", "dim": 16, "residual": [256, 256], "batch": 512, "threads": 1,
        "lr": 1e-3, "embedding_lr": 0.05, "init": 0.05}
CONFIGS = {
    "globo": {"columns": GLOBO, "fields": [{"of": [name]} for name in ["user", "article", "log2 age_min", *CONTEXT]]},
    "globo-crosses": {
        "columns": GLOBO, "embedding_lr": 0.4, "init": 0.01, "dim": 8,
        "fields": [{"of": ["user"]}, {"of": ["article"]}]
        + [{"of": [name], "dim": 4} for name in ["log2 age_min", *CONTEXT]]
        + [{"of": ["article", name]} for name in ["region", "referrer", "age_min/60", "hour"]]},
    "criteo": {"columns": ["label", *COUNTS, *IDS], "residual": [512, 256],
               "fields": [{"of": [f"log2 {name}"]} for name in COUNTS] + [{"of": [name]} for name in IDS]},
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", help="tab-separated events, without a header")
    parser.add_argument("--config", default="globo", help=f"{', '.join(CONFIGS)}, a JSON file, or JSON itself")
    parser.add_argument("--rows", choices=["manual", "sparse"], default="manual", help="how embedding rows are learned")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--dim", type=int, help="of the fields that name none")
    parser.add_argument("--residual", help="inner widths of the residual units, as 256,256")
    parser.add_argument("--lr", type=float, help="Adam, dense part")
    parser.add_argument("--embedding-lr", type=float, help="AdaGrad, embedding rows")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, help="only the first events")
    options = parser.parse_args()
    if options.config in CONFIGS:
        config = CONFIGS[options.config]
    elif options.config.lstrip().startswith("{"):
        config = json.loads(options.config)
    else:
        with open(options.config, encoding="utf8") as file:
            config = json.load(file)
    config = {**BASE, **config}
    for name in ["batch", "threads", "dim", "lr", "embedding_lr"]:
        if getattr(options, name) is not None:
            config[name] = getattr(options, name)
    if options.residual:
        config["residual"] = [int(width) for width in options.residual.split(",")]
    return options, config


options, config = arguments()
# Read by the numeric libraries when they are first imported.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(config["threads"])

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from measures import auc, calibration, logloss  # noqa: E402


def read(path):
    """Labels, and for each field its values as integers 0..n-1 (exact: no two values share one)."""
    wanted = {config["label"]}
    for field in config["fields"]:
        wanted.update(column_of(part) for part in field["of"])
    table = pd.read_csv(path, sep="\t", header=None, names=config["columns"], usecols=sorted(wanted), dtype=str,
                        keep_default_na=False, quoting=3, nrows=options.limit)
    labels = (table[config["label"]] == config["positive"]).to_numpy(np.float32)
    parts = {}

    def codes(part):
        if part not in parts:
            parts[part] = pd.factorize(bucketed(table[column_of(part)], part))[0].astype(np.int64)
        return parts[part]

    fields = []
    for field in config["fields"]:
        value = codes(field["of"][0])
        for part in field["of"][1:]:
            other = codes(part)
            value = pd.factorize(value * (int(other.max()) + 1) + other)[0]
        fields.append((value, int(value.max()) + 1, field.get("dim", config["dim"])))
    return labels, fields


def column_of(part):
    return part.removeprefix("log2 ").split("/")[0]


def bucketed(column, part):
    if not part.startswith("log2 ") and "/" not in part:
        return column.to_numpy()
    number = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    if part.startswith("log2 "):
        bucket = np.floor(np.log2(np.maximum(number, -1) + 2))
    else:
        bucket = np.floor(number / float(part.split("/")[1]))
    return np.where(np.isnan(bucket), -1e9, bucket).astype(np.int64)


class Tower(torch.nn.Module):
    """Residual units x + W1 relu(W0 x + b0) + b1 under a relu, and a linear score."""

    def __init__(self, width, inner):
        super().__init__()
        self.units = torch.nn.ModuleList(
            torch.nn.ModuleList([torch.nn.Linear(width, size), torch.nn.Linear(size, width)]) for size in inner)
        self.score = torch.nn.Linear(width, 1)

    def forward(self, x):
        for first, second in self.units:
            x = torch.relu(x + second(torch.relu(first(x))))
        return self.score(x).squeeze(1)


class Rows:
    """The embeddings of all fields of one dim, in one table: a field's ids start where the field before it ends."""

    def __init__(self, fields, dim):
        sizes = [size for _, size, _ in fields]
        starts = np.cumsum([0, *sizes[:-1]])
        self.dim = dim
        self.ids = torch.from_numpy(np.stack([ids + start for (ids, _, _), start in zip(fields, starts)], 1))
        self.width = len(fields) * dim
        self.count = sum(sizes)
        self.weight = torch.empty(self.count, dim).uniform_(-config["init"], config["init"])


class ManualRows(Rows):
    """Look-up and AdaGrad by index operations: gradients are summed by distinct row, then each such row is updated."""

    def __init__(self, fields, dim):
        super().__init__(fields, dim)
        self.squares = torch.zeros(self.count, dim)

    def look_up(self, start, stop):
        self.batch = self.ids[start:stop].reshape(-1)
        self.leaf = self.weight.index_select(0, self.batch).requires_grad_()
        return self.leaf.view(stop - start, self.width)

    def learn(self):
        rows, inverse = torch.unique(self.batch, return_inverse=True)
        gradient = torch.zeros(len(rows), self.dim).index_add_(0, inverse, self.leaf.grad)
        squares = self.squares.index_select(0, rows).addcmul_(gradient, gradient)
        self.squares.index_copy_(0, rows, squares)
        step = gradient.div_(squares.sqrt_().add_(1e-10)).mul_(-config["embedding_lr"])
        self.weight.index_add_(0, rows, step)


class SparseRows(Rows):
    """The same by nn.Embedding(sparse=True) and torch.optim.Adagrad."""

    def __init__(self, fields, dim):
        super().__init__(fields, dim)
        self.table = torch.nn.Embedding(self.count, dim, sparse=True, _weight=self.weight)
        self.optimizer = torch.optim.Adagrad(self.table.parameters(), lr=config["embedding_lr"])

    def look_up(self, start, stop):
        return self.table(self.ids[start:stop]).view(stop - start, self.width)

    def learn(self):
        self.optimizer.step()
        self.optimizer.zero_grad()


def adam(parameters):
    """Adam in as few kernel calls as this version of PyTorch can: `fused` runs on the CPU since 2.4."""
    try:
        return torch.optim.Adam(parameters, lr=config["lr"], fused=True)
    except (TypeError, RuntimeError):
        return torch.optim.Adam(parameters, lr=config["lr"], foreach=True)


def train(labels, fields):
    """The scores (logits), each given before its event was learned, and the seconds that the pass took."""
    dims = sorted({dim for _, _, dim in fields})
    tables = [(ManualRows if options.rows == "manual" else SparseRows)([f for f in fields if f[2] == dim], dim) for dim in dims]
    tower = Tower(sum(table.width for table in tables), config["residual"])
    optimizer = adam(tower.parameters())
    targets = torch.from_numpy(labels)
    logits = torch.empty(len(labels))
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits
    started = time.perf_counter()
    for start in range(0, len(labels), config["batch"]):
        stop = min(start + config["batch"], len(labels))
        parts = [table.look_up(start, stop) for table in tables]
        logit = tower(parts[0] if len(parts) == 1 else torch.cat(parts, 1))
        logits[start:stop] = logit.detach()
        loss_of(logit, targets[start:stop]).backward()
        optimizer.step()
        optimizer.zero_grad()
        for table in tables:
            table.learn()
    return logits.numpy().astype(np.float64), time.perf_counter() - started


def main():
    torch.set_num_threads(config["threads"])
    torch.manual_seed(options.seed)
    started = time.perf_counter()
    labels, fields = read(options.events)
    seconds_read = time.perf_counter() - started
    logits, seconds = train(labels, fields)
    half = len(labels) // 2
    print(json.dumps({
        "examples": len(labels), "seconds_read": round(seconds_read, 3), "seconds_train": round(seconds, 3),
        "examples_per_second": round(len(labels) / seconds),
        "auc": auc(labels, logits), "auc_second_half": auc(labels[half:], logits[half:]),
        "logloss": logloss(labels, logits), "logloss_second_half": logloss(labels[half:], logits[half:]),
        "calibration": calibration(labels, logits), "calibration_512": calibration(labels[:512], logits[:512]),
        "calibration_10000": calibration(labels[:10000], logits[:10000]),
        "torch": torch.__version__, "threads": torch.get_num_threads(), "rows": options.rows}))


if __name__ == "__main__":
    main()
