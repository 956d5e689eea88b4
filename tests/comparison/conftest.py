"""A store with sweeps of many outcomes, recorded once for all tests that only read it."""

import shutil
from pathlib import Path

import pytest
from recorded_sweeps import Job, Recording, sizes


@pytest.fixture
def recording(output_dir: Path) -> Recording:
    """An empty store of a test's own."""
    return Recording(output_dir)


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """An output folder with the sweeps `sizes` (whole), `rules` (with every kind of gap) and two single runs."""
    folder = tmp_path_factory.mktemp("swept")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    made = Recording(folder)
    jobs = sizes({"100": [0.85, 0.875, 0.9], "20": [0.6, 0.625, 0.65], "500": [0.9, 0.925, 0.925]})
    for job in jobs:
        seed = int(job.settings["seed"])
        job.tokens = ["␣good", "␣bad", f"own{seed}", "fine"] if job.settings["model.vocab_size"] == "100" else ["␣the"]
        job.validation = 0.95 if job.settings["model.vocab_size"] == "100" else job.accuracy
    made.sweep("sizes", ["model.vocab_size", "seed"], jobs)
    made.sweep(
        "rules",
        ["learning_rule", "seed"],
        [
            Job({"learning_rule": "graft", "seed": "0"}, 0.9),
            Job({"learning_rule": "graft", "seed": "1"}, 0.925),
            Job({"learning_rule": "graft", "seed": "2"}, 0.1, status="FAILED"),
            Job({"learning_rule": "graft", "seed": "2"}, 0.875),
            Job({"learning_rule": "grow", "seed": "0"}, 0.8, texts=1000),
            Job({"learning_rule": "grow", "seed": "1"}, 0.2, status="KILLED"),
            Job({"learning_rule": "grow", "seed": "2"}, 0.3, status="RUNNING"),
            Job({"learning_rule": "frozen", "seed": "0"}, 0.7),
            Job({"learning_rule": "frozen", "seed": "1"}, None, validation=0.7),
        ],
        status="RUNNING",
    )
    made.run(Job({"learning_rule": "graft", "seed": "0"}, 0.9), name="one")
    made.run(Job({"learning_rule": "frozen", "seed": "0"}, 0.8), name="other")
    return folder
