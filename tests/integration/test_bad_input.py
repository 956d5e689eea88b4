"""What users get wrong: one message that says where it is and what to do, exit code 2, and nothing left behind."""

import functools
import http.server
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from sources import write_archive, write_csv, write_rows
from tiny_runs import TINY, Store

from tokenlayer.cli.main import main
from tokenlayer.data.sources import imdb

Make = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Case:
    """A command line that cannot work."""

    arguments: list[str] | Make
    """Overrides; or what makes files in a folder, and the overrides that name them."""
    says: list[str] = field(default_factory=list)
    """Parts of the message: the place, and what to do. `{folder}` stands for the folder."""


def table(folder: Path, text_column: str = "text", label_column: str = "label", name: str = "t.csv") -> list[str]:
    columns = [f"dataset.text_column={text_column}", f"dataset.label_column={label_column}"]
    return ["dataset=table", f"dataset.source={folder / name}", *columns]


def without_columns(folder: Path) -> list[str]:
    write_csv(folder / "t.csv")
    return table(folder, text_column="txt")


def one_class(folder: Path) -> list[str]:
    write_csv(folder / "t.csv", sentiments=("pos",))
    return table(folder)


def nothing_left(folder: Path) -> list[str]:
    write_rows(folder / "t.csv", [{"text": "?!…"[i % 2 : 2], "label": str(i % 2)} for i in range(40)])
    return table(folder)


def no_label(folder: Path) -> list[str]:
    rows = [{"text": f"text {i}\nof two lines", "label": "" if i == 7 else str(i % 2)} for i in range(40)]
    write_rows(folder / "t.csv", rows)
    return table(folder)


def unknown_split(folder: Path) -> list[str]:
    write_rows(folder / "t.csv", [{"text": f"text {i}", "label": str(i % 2), "split": "dev"} for i in range(40)])
    return [*table(folder), "dataset.split_column=split"]


def no_training_texts(folder: Path) -> list[str]:
    write_rows(folder / "t.csv", [{"text": f"text {i}", "label": str(i % 2), "split": "test"} for i in range(40)])
    return [*table(folder), "dataset.split_column=split"]


def broken_quotes(folder: Path) -> list[str]:
    (folder / "t.csv").write_text('text,label\nfine,0\n"never "closed",1\n')
    return table(folder)


def no_table(folder: Path) -> list[str]:
    (folder / "notes.docx").write_bytes(b"PK")
    return table(folder, name="notes.docx")


def truncated(folder: Path) -> list[str]:
    whole = write_archive(folder / "whole.tar.gz").read_bytes()
    (folder / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    return ["dataset=imdb", f"dataset.source={folder / 'cut.tar.gz'}"]


def leaving(folder: Path) -> list[str]:
    write_archive(folder / "evil.tar.gz", more={"aclImdb/train/pos/../../../../../evil.txt": "out"})
    return ["dataset=imdb", f"dataset.source={folder / 'evil.tar.gz'}"]


def other_archive(folder: Path) -> list[str]:
    write_archive(folder / "other.tar.gz", per_folder=0, more={"photos/cat.txt": "miaow"})
    return ["dataset=imdb", f"dataset.source={folder / 'other.tar.gz'}"]


def nobody_there(folder: Path) -> list[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return ["tracking=server", f"tracking.uri=http://127.0.0.1:{port}"]


def no_database(folder: Path) -> list[str]:
    (folder / "notes.txt").write_text("not a database, whatever its name may be")
    return [f"tracking.uri=sqlite:///{folder / 'notes.txt'}"]


CASES = {
    "missing file": Case(
        ["dataset=table", "dataset.source=gone.csv", "dataset.text_column=text", "dataset.label_column=label"],
        ["dataset.source=gone.csv", "no such file"],
    ),
    "missing archive": Case(["dataset=imdb", "dataset.source=gone.tar.gz"], ["dataset.source=gone.tar.gz", "no such"]),
    "no table": Case(no_table, ["{folder}/notes.docx", ".csv", ".parquet"]),
    "truncated archive": Case(truncated, ["{folder}/cut.tar.gz", "truncated", "fetch it again"]),
    "member that leaves the folder": Case(leaving, ["{folder}/evil.tar.gz", "../../evil.txt", "leaves the"]),
    "archive of something else": Case(other_archive, ["{folder}/other.tar.gz", "layout", "train,test"]),
    "no such column": Case(
        without_columns,
        ["dataset.text_column=txt: no such column in {folder}/t.csv; did you mean text?; its columns are label, text"],
    ),
    "broken quotes": Case(broken_quotes, ["{folder}/t.csv, line 3", "quotes"]),
    "one class": Case(one_class, ["{folder}/t.csv", "label", "'pos'", "two or more classes"]),
    "nothing left after cleaning": Case(nothing_left, ["{folder}/t.csv", "after cleaning", "dataset.cleaning"]),
    "label missing": Case(no_label, ["{folder}/t.csv, line 16", "label", "missing", "fill it in"]),
    "unknown split": Case(unknown_split, ["{folder}/t.csv, line 2", "'dev'", "train, validation, test"]),
    "no training texts": Case(no_training_texts, ["{folder}/t.csv", "train split is empty", "split column"]),
    "an option and a value that another file takes": Case(
        ["initializer=random_ngram", "trainer.max_epochs=ten"],
        ["did you mean random_ngrams", "trainer.max_epochs: expected an integer"],
    ),
    "texts shorter than patterns": Case(
        ["dataset.text_length=3"],
        ["dataset.text_length: 3 is below model.max_token_length=4", "shorter patterns", "on the command line"],
    ),
    "n-grams longer than patterns": Case(
        ["model.max_token_length=3"],
        ["model.max_token_length: 3", "longest n-gram", "(4)", "initializer.ngram_lengths"],
    ),
    "before any data is read": Case(
        [
            "dataset=table",
            "dataset.source=gone.csv",
            "dataset.text_column=t",
            "dataset.label_column=l",
            "dataset.text_length=2",
            "model.max_token_length=3",
            "callbacks.checkpoints.monitor=validation/los",
            "trainer.early_stopping={monitor: foo, mode: min, patience: 3, min_delta: 0.0}",
            "trainer.max_epochs=0",
            "trainer.limit_train_batches=0",
        ],
        [
            "7 problems",
            "dataset.text_length: 2",
            "model.max_token_length: 3",
            "callbacks.checkpoints.monitor: validations log no validation/los; did you mean validation/loss",
            "trainer.early_stopping.monitor: validations log no foo; known: validation/loss, ",
            "trainer.max_epochs: 0",
            "trainer.limit_train_batches: 0",
        ],
    ),
    "a schedule without an end": Case(
        ["trainer.max_epochs=-1", "trainer.max_steps=60"],
        ["lr_scheduler.T_max: of how many steps?", "trainer.max_epochs=-1"],
    ),
    "empty alphabet": Case(["dataset.alphabet.characters=''"], ["dataset.alphabet.characters", "empty"]),
    "alphabet of no size": Case(["dataset.alphabet.size=0"], ["dataset.alphabet.size", "0 is below 1"]),
    "character twice": Case(
        ["dataset.alphabet.characters=abca"], ["dataset.alphabet.characters", "'a' more than once"]
    ),
    "corpus shorter than an n-gram": Case(
        ["initializer.corpus.cap=3"], ["3 characters", "longest n-gram (4)", "initializer.corpus.cap"]
    ),
    "no frequent n-gram": Case(
        ["initializer.filter_over=100000"], ["more than 100000 times", "lower initializer.filter_over"]
    ),
    "batch larger than the data": Case(["dataset.batch_size=999"], ["dataset.batch_size=999", "140 training texts"]),
    "sigmoid for three classes": Case(
        ["dataset.n_classes=3", "model.loss=binary"], ["model.loss=binary", "the data has 3", "auto"]
    ),
    "server away": Case(nobody_there, ["tracking.uri=http://127.0.0.1:", "does not answer", "tracking=local"]),
    "no server": Case(
        ["tracking=server"], ["tracking.uri: must be given", "http://server:port", "MLFLOW_TRACKING_URI"]
    ),
    "no database": Case(no_database, ["tracking.uri", "{folder}/notes.txt", "no SQLite database"]),
    "folder as a store": Case(["tracking.uri=mlruns"], ["tracking.uri", "'mlruns'", "sqlite:////"]),
    "no such run": Case(["resume=0123456789abcdef"], ["resume", "0123456789abcdef", "no runs yet"]),
    "unknown command line": Case(
        [
            "datset=imdb",
            "model=token",
            "trainer.max_epoch=3",
            "seed=many",
            "initializer.corpus.scope=trai",
            "optimizer.learning_rate=1",
            "callbacks.live_view.evry=3",
            "dataset.n_texts=3",
        ],
        [
            "8 problems",
            "did you mean dataset?",
            "did you mean tokens?",
            "did you mean trainer.max_epochs or",
            "seed: ",
            "did you mean train?",
            "optimizer.learning_rate",
            "did you mean callbacks.live_view.every?",
            "dataset.n_texts: 3 is below 10",
        ],
    ),
    "a value of the wrong type": Case(["optimizer.lr=abc"], ["optimizer.lr", "'abc'", "on the command line"]),
    "a target of elsewhere": Case(
        ["+callbacks.mine={_target_: os.system, command: ls}"], ["callbacks.mine", "os.system", "allow_targets"]
    ),
    "several values to one run": Case(["seed=0,1"], ["seed=0,1", "--multirun"]),
    "a part of a part that is taken away": Case(["~model/head"], ["~model/head: cannot be taken away"]),
    "a group of Hydra's that is not there": Case(
        ["hydra/lancher=joblib"], ["hydra/lancher: no such group; did you mean hydra/launcher"]
    ),
    "a part that is taken away": Case(["~model"], ["~model: cannot be taken away: choose another option, model="]),
    "a sweep's setting for one run": Case(["sweep.name=mine"], ["sweep.name=mine: is for sweeps; add --multirun"]),
}
if not torch.cuda.is_available():
    CASES["no gpu"] = Case(["trainer.accelerator=gpu"], ["trainer.accelerator", "no CUDA device", "use auto or cpu"])
    CASES["no gpu for the preset"] = Case(["trainer=gpu"], ["trainer.accelerator", "use auto or cpu", "gpu.yaml"])


def everything_below(folder: Path) -> set[str]:
    # Who only reads the store locks it, too.
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} - {"mlflow.db.lock"}


def one_message(errors: str) -> str:
    assert "Traceback" not in errors
    errors = re.sub(r"^.* …\n", "", errors, flags=re.MULTILINE)  # what a slow machine says that it is doing
    assert errors.startswith("error: ")
    assert errors.count("error: ") == 1
    return errors


@pytest.mark.parametrize("name", CASES)
def test_is_refused_before_anything_is_written(
    name: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = tmp_path / "input", tmp_path / "cache"
    for new in (folder, cache):
        new.mkdir()
    monkeypatch.setenv("TOKENLAYER_CACHE", str(cache))
    monkeypatch.chdir(folder)
    case = CASES[name]
    arguments = case.arguments if isinstance(case.arguments, list) else case.arguments(folder)
    own = {argument.split("=")[0] for argument in arguments}
    # Where the case chooses an option, the settings of ours do not fit it.
    tiny = [text for text in TINY if not {text.split("=")[0], text.split(".")[0].split("=")[0]} & own]
    before = everything_below(store.output_dir) | everything_below(folder)
    assert main(["train", *tiny, f"output_dir={store.output_dir}", *arguments]) == 2

    message = one_message(capsys.readouterr().err)
    print(message)
    for part in case.says:
        assert part.format(folder=folder) in message
    assert everything_below(store.output_dir) | everything_below(folder) == before
    assert not [path for path in cache.rglob("*") if "unfinished" in path.name]
    assert store.runs() == []


class Server(http.server.ThreadingHTTPServer):
    """Serves the files of a folder at a free port."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_wrong_checksum(
    server: Server, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_archive(tmp_path / "aclImdb_v1.tar.gz")
    monkeypatch.setattr(imdb, "URL", f"{server.url}/aclImdb_v1.tar.gz")
    cache = tmp_path / "cache"
    arguments = ["dataset=imdb", f"dataset.cache_dir={cache}", f"output_dir={store.output_dir}"]
    assert main(["train", *arguments]) == 2
    message = one_message(capsys.readouterr().err)
    assert f"{server.url}/aclImdb_v1.tar.gz: wrong checksum, expected MD5 7c2ac02c03563afcf9b574c7e56c153a" in message
    assert "dataset.source" in message
    assert not [path for path in cache.rglob("*") if path.is_file() and path.name != ".lock"]
    assert store.runs() == []


def test_intervals_that_the_data_do_not_have(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*TINY, f"output_dir={store.output_dir}", "trainer.val_check_interval=5000"]
    assert main(["train", *arguments, "trainer.limit_test_batches=0.01"]) == 2
    message = one_message(capsys.readouterr().err)
    assert "trainer.val_check_interval: 5000: an epoch has only 17 batches; give 17 or less" in message
    assert "trainer.limit_test_batches: 0.01 of 4 batches is less than one" in message
    assert store.runs() == []


def test_a_loss_that_is_no_number_ends_the_run_as_failed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *TINY, f"output_dir={store.output_dir}", "optimizer.lr=1e30"]) == 2
    message = one_message(capsys.readouterr().err)
    assert "the loss is nan at step" in message
    assert "(epoch 1, batch " in message
    assert "lower optimizer.lr" in message
    (run,) = store.runs()
    assert run.run.info.status == "FAILED"
    assert run.run.info.end_time is not None
    losses = run.log("train_log")["loss"]
    assert losses.notna().all(), "the steps before are on record"
    assert len(losses)
