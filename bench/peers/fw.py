"""Fwumious Wabbit over a text file, one pass; prints one line of JSON.

There is no package of it: give the program, built from its public source, by --binary. Its text is Vowpal Wabbit's with names that
`vw_namespace_map.csv` lists, which is written beside the data: to-vw.mjs --names short writes such text.

    fw.py --binary PATH --data EVENTS.vw --args "-b 23 -l 0.05" --runs 3

Every run is a process of its own, its start included, that ends with the model saved: wall seconds, and processor seconds of user and
system. The runs from text come first, then those from Fwumious Wabbit's own cache of the parsed text, whose making is not timed. Log
loss and AUC need the predictions written, each made before its event was learned: a further run, not timed, of the first --check events.
"""

import argparse
import json
import math
import os
import re
import resource
import subprocess
import tempfile
import time

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FIXED = "--sgd --adaptive --loss_function logistic --link logistic --hash all --l2 0"


def timed(command):
    """Seconds on the wall and of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_seconds": round(wall, 3), "processor_seconds": round(processor, 3)}


def names_of(data):
    """The names of the first line, and their list for Fwumious Wabbit beside the data."""
    with open(data) as file:
        names = re.findall(r"\|(\S+)", file.readline())
    if any(name not in LETTERS for name in names):
        raise SystemExit("fw.py: names of one letter are needed (to-vw.mjs --names short)")
    with open(os.path.join(os.path.dirname(os.path.abspath(data)), "vw_namespace_map.csv"), "w") as file:
        file.writelines(f"{name},feature{name}\n" for name in names)
    return names


def quality(data, predictions):
    """Log loss and AUC (ties count half)."""
    with open(data) as events, open(predictions) as scores:
        pairs = [(float(score), not event.startswith("-")) for event, score in zip(events, scores)]
    total = 0.0
    for score, positive in pairs:
        p = min(max(score, 1e-7), 1 - 1e-7)
        total -= math.log(p if positive else 1 - p)
    pairs.sort()
    below, won, clicks = 0, 0.0, sum(positive for _, positive in pairs)
    at = 0
    while at < len(pairs):
        end = at
        while end < len(pairs) and pairs[end][0] == pairs[at][0]:
            end += 1
        positives = sum(positive for _, positive in pairs[at:end])
        won += positives * (below + (end - at - positives) / 2)
        below += end - at - positives
        at = end
    return {"logloss": round(total / len(pairs), 6), "auc": round(won / (clicks * below), 6)}


def check(command, data, events, folder):
    """Log loss and AUC of the first events."""
    head, predictions = os.path.join(folder, "head.vw"), os.path.join(folder, "predictions")
    with open(data) as source, open(head, "w") as file:
        for _, line in zip(range(events), source):
            file.write(line)
    names_of(head)
    timed([*command, "--data", head, "-p", predictions])
    return quality(head, predictions)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="the program fw")
    parser.add_argument("--data", required=True, help="events as text, labels 1 and -1, names of one letter, ending in .vw")
    parser.add_argument("--args", default="-b 23 -l 0.05", help="arguments beside those every run has: " + FIXED)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--cache", action="store_true", help="also from its cache")
    parser.add_argument("--check", type=int, default=0, help="events of the run that gives log loss and AUC")
    options = parser.parse_args()
    names = names_of(options.data)
    keep = [word for name in names for word in ("--keep", name)]
    command = [options.binary, *keep, *FIXED.split(), *options.args.split()]
    version = subprocess.run([options.binary, "--version"], capture_output=True, text=True).stdout.strip().split("\n")[-1]
    with tempfile.TemporaryDirectory() as folder:
        whole = [*command, "--data", options.data, "-f", os.path.join(folder, "model"), "--save_resume"]
        result = {"fw": version, "args": options.args, "text": [timed(whole) for _ in range(options.runs)]}
        if options.cache:
            cache = f"{options.data}.fwcache"
            if os.path.exists(cache):
                os.remove(cache)
            timed([*whole, "-c"])
            result["cache"] = [timed([*whole, "-c"]) for _ in range(options.runs)]
            os.remove(cache)
        if options.check:
            result.update(check(command, options.data, options.check, folder))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
