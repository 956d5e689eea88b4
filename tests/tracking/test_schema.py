import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tokenlayer.cli.main import main
from tokenlayer.errors import InputError
from tokenlayer.tracking.store import open_store

OLDER = "1b5f0d9ad7c1"


def of_schema(path: Path, version: str) -> str:
    """Have the database say that it is of some version of the schema; returns the digest of the file."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()
    return digest(path)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_database_of_another_version_is_left_alone(output_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = output_dir / "mlflow.db"
    before = of_schema(path, OLDER)
    assert main(["sync", "--all", f"output_dir={output_dir}"]) == 0  # nothing is recorded here
    assert main(["explain", "abc", "a text", f"output_dir={output_dir}"]) == 2
    told = capfd.readouterr().err
    assert told.count("\n") == 1
    assert f"of another version of MLflow (schema {OLDER}, and the one installed here uses" in told
    assert f"mlflow db upgrade sqlite:///{path}" in told
    assert digest(path) == before


def test_a_database_that_lacks_tables_is_not_brought_up_to_date(output_dir: Path) -> None:
    path = output_dir / "mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE logged_model_metrics")
    connection.close()
    before = of_schema(path, OLDER)
    with pytest.raises(InputError, match="mlflow db upgrade"):
        open_store(None, output_dir)
    assert digest(path) == before


def test_a_database_of_another_program_gets_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE letters (id INTEGER)")
    connection.close()
    before = digest(path)
    with pytest.raises(InputError, match=r"tables of another program.*leave tracking.uri out"):
        open_store(f"sqlite:///{path}", tmp_path)
    assert digest(path) == before


def test_a_database_as_it_should_be(output_dir: Path, tmp_path: Path) -> None:
    assert open_store(None, output_dir).experiment_id("mine")
    shutil.copyfile(output_dir / "mlflow.db", tmp_path / "it is.db")
    assert open_store(f"sqlite:///{tmp_path}/it is.db", tmp_path).client.get_experiment_by_name("mine")
