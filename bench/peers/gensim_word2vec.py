"""word2vec by gensim: vectors of the ids of a file of sequences, a line each. Prints one line of JSON."""

import argparse
import json
import time

from gensim import __version__
from gensim.models import Word2Vec

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", required=True)
parser.add_argument("--dim", type=int, default=100)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--cbow", action="store_true")
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()

with open(args.data) as lines:
    sequences = [line.split() for line in lines]
model = Word2Vec(
    vector_size=args.dim,
    window=5,
    negative=5,
    sample=1e-3,
    min_count=5,
    sg=0 if args.cbow else 1,
    alpha=0.05 if args.cbow else 0.025,
    workers=args.threads,
    seed=42,
)
model.build_vocab(sequences)
words = args.epochs * int(sum(model.wv.get_vecattr(id, "count") for id in model.wv.index_to_key))
wall, processor = time.time(), time.process_time()
model.train(sequences, total_examples=len(sequences), epochs=args.epochs)
wall, processor = time.time() - wall, time.process_time() - processor
print(
    json.dumps(
        {
            "version": __version__,
            "words": words,
            "words_per_second": round(words / wall),
            "words_per_processor_second": round(words / processor),
        }
    )
)
