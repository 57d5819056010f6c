"""AUC and log loss of logits, as Hashbrook reports them."""

import numpy as np


def auc(labels, logits):
    """The chance that a positive scores above a negative; equal scores count half. None without both labels."""
    order = np.argsort(logits, kind="stable")
    ordered = logits[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    last = np.r_[first[1:], len(ordered)]
    ranks = np.repeat((first + last + 1) / 2, last - first)
    positives = labels[order] > 0
    count = int(positives.sum())
    if count in (0, len(labels)):
        return None
    return round(float((ranks[positives].sum() - count * (count + 1) / 2) / (count * (len(labels) - count))), 6)


def logloss(labels, logits):
    return round(float(np.mean(np.logaddexp(0, logits) - labels * logits)), 6)


def calibration(labels, logits):
    """Predicted over actual positives. None without a positive."""
    actual = float(labels.sum())
    return round(float((1 / (1 + np.exp(-logits))).sum() / actual), 4) if actual > 0 else None
