"""Scores events as `hashbrook predict` does, from ONE file of `hashbrook export --onnx whole`: pip install numpy onnxruntime xxhash
    python whole.py EXPORT_DIR/model.onnx EVENTS.tsv
For fields without vectors, events in tsv or csv. The file's own metadata tells everything used here."""
import csv, json, sys
import numpy as np, onnxruntime, xxhash
file, events = sys.argv[1:3]
model = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
facts = model.get_modelmeta().custom_metadata_map
spec, inputs = json.loads(facts["spec"]), json.loads(facts["inputs"])
fields, form = {field["name"]: field for field in spec["fields"]}, spec["events"]
hash64 = lambda value, seed: xxhash.xxh64_intdigest(value if isinstance(value, bytes) else value.encode(), seed)

def key(field, seed, event):
    if field["type"] == "cross":
        parts = [key(fields[name], hash64(name, spec["seed"]), event) for name in field["of"]]
        return hash64(b"".join(part.to_bytes(8, "little") for part in parts), seed)
    text = event[field["from"]]
    if field["type"] == "buckets" and text: text = str(sum(bound <= float(text) for bound in field["boundaries"]))
    return hash64(text, seed)

def number(field, event):  # what is missing or standardized is the model's own business
    x = np.float32(event[field["from"]] or "nan")
    return np.sign(x) * np.log1p(abs(x)) if field["transform"] == "log1p" else x

items = lambda field, event: [item for item in event[field["from"]].split(field["separator"]) if item][: field["max_length"]]

def column(facts, rows):
    name, named = facts["name"], [fields[field] for field in facts["fields"]]
    if name == "numbers": return np.array([[number(field, row) for field in named] for row in rows], "f4")
    if named[0]["type"] != "bag":
        return np.array([[key(field, int(seed, 16), row) for field, seed in zip(named, facts["seeds"])] for row in rows], "u8").view("i8")
    bags = [items(named[0], row) for row in rows]
    if name.startswith("length_"): return np.array([[len(bag)] for bag in bags], "f4")
    width = facts["shape"][1] if isinstance(facts["shape"][1], int) else max(map(len, bags))
    fill = lambda of, dtype: np.array([[of(item) for item in bag] + [0] * (width - len(bag)) for bag in bags], dtype).reshape(len(bags), width)
    return fill(lambda item: hash64(item, int(facts["seeds"][0], 16)), "u8").view("i8") if "seeds" in facts else fill(lambda _: 1, "f4")

texts = {"delimiter": form["separator"], "quoting": csv.QUOTE_MINIMAL if form["format"] == "csv" else csv.QUOTE_NONE, "skipinitialspace": form.get("trim", False)}
rows = list(csv.DictReader(open(events, newline="", encoding="utf-8"), None if form["header"] else form["columns"], **texts))
print(*model.run(["probability"], {facts["name"]: column(facts, rows) for facts in inputs})[0][:, 0], sep="\n")
