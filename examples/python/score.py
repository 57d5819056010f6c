"""Scores events as `hashbrook predict` does, from the files of `hashbrook export`: pip install numpy onnxruntime xxhash
    python score.py EXPORT_DIR EVENTS.tsv
For towers over exact and hash tables in f32 without vector fields, events in tsv or csv. docs/FORMATS.md tells every rule used here."""
import csv, json, sys, urllib.parse
import numpy as np, onnxruntime, xxhash
folder, events = sys.argv[1:3]
model = json.load(open(f"{folder}/model.json"))
spec, form = model["spec"], model["spec"]["events"]
fields = {field["name"]: field for field in spec["fields"]}

def hash64(value, seed):
    return xxhash.xxh64_intdigest(value if isinstance(value, bytes) else value.encode(), seed)

def initial(row, seed, init, dim):  # of an id never learned; row: its key (hash tables: its row's number). splitmix64
    x = (np.uint64(row ^ seed) + np.arange(1, dim + 1, dtype="u8") * np.uint64(0x9E3779B97F4A7C15))
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    u = ((x ^ x >> np.uint64(31)) >> np.uint64(40)).astype("i8")
    return np.float32(init) * ((2 * u + 1 - 2**24) / 2**24).astype("f4")

items_of = lambda field, event: [item for item in event[field["from"]].split(field["separator"]) if item][: field["max_length"]]

class Table:
    def __init__(self, table):
        assert table["encoding"] in ("exact", "hash") and not {"precision", "shards", "admission"} & set(table), table
        self.table, self.seed, self.dim = table, int(table["seed"], 16), table["dim"]
        path = f"{folder}/{urllib.parse.quote(table['name'])}"
        self.rows = dict(zip(np.load(f"{path}.keys.npy").tolist(), np.load(f"{path}.weights.npy")))
    def __getitem__(self, key):
        row = key % self.table["rows"] if self.table["encoding"] == "hash" else key
        return self.rows[row] if row in self.rows else initial(row, self.seed, self.table["init"], self.dim)
    def cell(self, field, kind, seed, event, most=0):
        if kind == "number": return self[hash64(field["name"], seed)] * number(field, event)
        if kind == "single": return self[key(field, seed, event)]
        items = [self[hash64(item, seed)] for item in items_of(field, event)]
        if most: return np.concatenate(items + [np.zeros((most - len(items)) * self.dim, "f4")])
        total = sum(items, np.zeros(self.dim, "f4"))
        return total / max(len(items), 1) ** np.float32({"sum": 0, "mean": 1, "sqrtn": 0.5}[field["combiner"]])
    def cells(self, event):  # a row of x_<table>: all cells side by side
        return np.concatenate([self.cell(fields[c["field"]], c["kind"], int(c["seed"], 16), event, c.get("items")) for c in self.table["cells"]])

def key(field, seed, event):
    if field["type"] == "cross":
        parts = [key(fields[name], hash64(name, spec["seed"]), event) for name in field["of"]]
        return hash64(b"".join(part.to_bytes(8, "little") for part in parts), seed)
    text = event[field["from"]]
    bucket = lambda: str(sum(bound <= float(text) for bound in field["boundaries"]))
    return hash64(bucket() if field["type"] == "buckets" and text else text, seed)

def number(field, event):
    scale = model["standardize"].get(field["name"])
    if not event[field["from"]]: return np.float32(0 if scale else field["missing"])
    x = np.float32(event[field["from"]])
    if scale: return np.clip((x - scale["mean"]) / (scale["deviation"] or np.inf), -10, 10).astype("f4")
    return np.sign(x) * np.log1p(abs(x)) if field["transform"] == "log1p" else x

tables = {"wide" if table["role"] == "wide" else f"x_{table['name']}": Table(table) for table in spec["tables"]}
tower = onnxruntime.InferenceSession(f"{folder}/tower.onnx", providers=["CPUExecutionProvider"])
texts = {"delimiter": form["separator"], "quoting": csv.QUOTE_MINIMAL if form["format"] == "csv" else csv.QUOTE_NONE, "skipinitialspace": form.get("trim", False)}
for event in csv.DictReader(open(events, newline="", encoding="utf-8"), None if form["header"] else form["columns"], **texts):
    inputs = {name: table.cells(event)[None] for name, table in tables.items()}
    if spec["numbers"]: inputs["numbers"] = np.array([[number(fields[name], event) for name in spec["numbers"]]], "f4")
    for bag in (fields[pooling["over"]] for pooling in spec.get("poolings", [])):
        inputs[f"length_{bag['name']}"] = np.array([[len(items_of(bag, event))]], "f4")
    print(1 / (1 + np.exp(-tower.run(["logits"], inputs)[0][0, 0])))
