import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from initializer_contexts import decoded, initializer_context

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.tracking.tables import TableBuffer
from tokenlayer.vocabularies.listed import ListedConfig

ALPHABET = Alphabet("abc <UNK>")
PATTERNS = [" ab", "c█a", "b ", " ab", "a\N{REPLACEMENT CHARACTER}"]


def loaded(path: Path, K=4, N=5, alphabet=ALPHABET):
    return decoded(ListedConfig(str(path)).build(initializer_context(alphabet, N, K)).codes, alphabet)


def written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_of_a_text_spaces_and_repetitions_included(tmp_path, end):
    path = written(tmp_path / "patterns.txt", "\n".join(PATTERNS) + end)
    assert loaded(path) == PATTERNS
    assert ListedConfig(str(path)).default_token_length() == 3


def test_lines_that_a_windows_editor_wrote(tmp_path):
    assert loaded(written(tmp_path / "p.txt", "\N{BOM}ab\r\n c\r\n"), N=2) == ["ab", " c"]


def test_a_json_list(tmp_path):
    assert loaded(written(tmp_path / "p.json", json.dumps(PATTERNS))) == PATTERNS


def test_the_first_n_are_taken(tmp_path):
    assert loaded(written(tmp_path / "p.json", json.dumps(PATTERNS)), N=2) == PATTERNS[:2]


def test_a_part_of_a_runs_log_gives_its_last_step(tmp_path):
    buffer = TableBuffer("logs/patterns_log", 0)
    for step, patterns in ((0, ["ccc█", "███c"]), (10, [" ab█", "████"])):
        buffer.append({"step": step, "neuron": [0, 1], "pattern": patterns, "gradient": [0.1, 0.2]})
    buffer.write_part(tmp_path)
    path = tmp_path / "logs/patterns_log/part-000000.parquet"
    assert loaded(path, N=2) == [" ab", ""]
    assert ListedConfig(str(path)).default_token_length() == 3


def test_a_runs_table_for_people_shows_spaces(tmp_path):
    frame = pd.DataFrame({"neuron": [1, 0], "pattern": ["␣ab█", "c␣██"], "embedding": ["0.1", "0.2"]})
    frame.to_json(tmp_path / "step_7.json", orient="split", index=False)
    assert loaded(tmp_path / "step_7.json", N=2) == [" ab", "c "]


def test_patterns_longer_than_k(tmp_path):
    path = written(tmp_path / "p.txt", "ab\nabca\n")
    assert loaded(path, K=3, N=1) == ["ab"]
    with pytest.raises(InputError, match=r"p\.txt, line 2: 'abca' has 4 .*model\.max_token_length"):
        loaded(path, K=3, N=2)


def test_a_list_that_is_too_short(tmp_path):
    with pytest.raises(InputError, match=r"vocab_size=3, but there are only 2 .*initializer\.file"):
        loaded(written(tmp_path / "p.txt", "ab\nc"), N=3)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.txt", "ab\nAbc\n", r"p\.txt, line 2: 'Abc' holds 'A', which the alphabet 'abc ' does not"),
        ("p.txt", "ab\n\nc\n", r"p\.txt, line 2: '' is no pattern"),
        ("p.json", '["ab", 3]', r"p\.json, item 2: 3 is no pattern"),
        ("p.json", '{"a": ["ab"]}', r"p\.json cannot be read .*one|p\.json cannot be read .*per line"),
        ("p.json", "[", r"p\.json cannot be read .*JSON"),
        ("p.json", "7", r"p\.json cannot be read .*JSON list"),
        ("p.parquet", "no parquet", r"p\.parquet cannot be read .*Parquet"),
    ],
)
def test_a_wrong_file(tmp_path, name, content, says):
    with pytest.raises(InputError, match=says):
        loaded(written(tmp_path / name, content), N=1, alphabet=Alphabet("abc "))


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "p.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"p\.txt cannot be read .*text file"):
        loaded(tmp_path / "p.txt")


def test_a_parquet_file_without_patterns(tmp_path):
    pa.parquet.write_table(pa.table({"x": [1]}), tmp_path / "p.parquet")
    with pytest.raises(InputError, match=r"p\.parquet cannot be read .*'pattern'"):
        loaded(tmp_path / "p.parquet")


@pytest.mark.parametrize("name", ["gone.txt", "gone.json", "gone.parquet"])
def test_no_such_file(tmp_path, name):
    with pytest.raises(InputError, match=rf"initializer\.file=.*{name}: .*name a file"):
        loaded(tmp_path / name)
    with pytest.raises(InputError, match=r"initializer\.file"):
        ListedConfig(str(tmp_path)).default_token_length()
