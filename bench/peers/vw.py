"""Vowpal Wabbit over a text file, one pass; prints one line of JSON.

The package has no `vw` program; given a data file, its Workspace runs the same C++ driver over it, reader thread
included, so the time is VW's own: no example passes through Python.

    vw.py --data EVENTS.vw --args "-b 22 --ftrl --ftrl_alpha 0.1 --ftrl_beta 1"

The timed run writes no predictions. `logloss` is VW's progressive loss in that run. The AUC needs the predictions, each made
before its event was learned, so it comes from a second, untimed run; --no-auc leaves that out.
"""

import argparse
import json
import os
import tempfile
import time
from importlib.metadata import version

import numpy as np
import vowpalwabbit
from measures import auc, logloss


def run(data, arguments):
    """Seconds, examples and mean loss of one pass."""
    started = time.perf_counter()
    model = vowpalwabbit.Workspace(f"--quiet --loss_function logistic --no_stdin -d {data} {arguments}")
    seconds = time.perf_counter() - started
    examples, loss = model.get_weighted_examples(), model.get_sum_loss()
    model.finish()
    return seconds, int(examples), loss / examples


def labels_of(data):
    with open(data, "rb") as file:
        return np.fromiter((not line.startswith(b"-") for line in file), dtype=np.float64)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="events as VW text, labels 1 and -1")
    parser.add_argument("--args", default="-b 24 --ftrl --ftrl_alpha 0.1", help="VW's own arguments")
    parser.add_argument("--no-auc", action="store_true", help="the timed run only")
    options = parser.parse_args()
    seconds, examples, loss = run(options.data, options.args)
    result = {"examples": examples, "seconds": round(seconds, 3), "examples_per_second": round(examples / seconds),
              "auc": None, "auc_second_half": None, "logloss": round(loss, 6), "logloss_second_half": None}
    if not options.no_auc:
        with tempfile.TemporaryDirectory() as folder:
            predictions = os.path.join(folder, "predictions")
            run(options.data, f"{options.args} -p {predictions}")
            logits = np.loadtxt(predictions, usecols=0)
        labels = labels_of(options.data)
        half = len(labels) // 2
        result["auc"], result["auc_second_half"] = auc(labels, logits), auc(labels[half:], logits[half:])
        result["logloss_second_half"] = logloss(labels[half:], logits[half:])
    print(json.dumps({**result, "vw": version("vowpalwabbit"), "args": options.args}))


if __name__ == "__main__":
    main()
