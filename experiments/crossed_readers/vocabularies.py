"""Writes the tokens that the finished runs of this study have learned to vocabularies/, for the runs that read them.

python -m experiments.crossed_readers.vocabularies [--output-dir outputs]
"""

import argparse
from pathlib import Path

from experiments.crossed_readers.study import FOLDER, READERS, STUDY

from tokenlayer import load
from tokenlayer.study.status import CONDITION_TAG, STUDY_TAG
from tokenlayer.tracking.reading import find_runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.crossed_readers.vocabularies")
    parser.add_argument("--output-dir", default="outputs", help="folder of the runs (default: %(default)s)")
    output_dir = Path(parser.parse_args().output_dir)
    runs = find_runs(None, where=f"tags.{STUDY_TAG} = '{STUDY.name}'", output_dir=output_dir)
    finished = runs[runs["status"] == "FINISHED"]
    for reader in READERS:
        of_reader = finished[finished[f"tags.{CONDITION_TAG}"] == f"{reader}-learned"]
        for run_id, seed in zip(of_reader["run_id"], of_reader["params.seed"], strict=True):
            tokens = load(run_id, output_dir=output_dir).tokens["token"]
            path = Path(FOLDER, f"{reader}-{seed}.txt")
            path.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
            print(f"{path}: {len(tokens)} tokens")


if __name__ == "__main__":
    main()
