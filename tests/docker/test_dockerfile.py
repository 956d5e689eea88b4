import fnmatch
import json
import re
import tomllib

import pytest

FINAL_STAGES = ("mlflow-server", "tokenlayer")


def arguments(dockerfile, name):
    """The defaults that ARG gives `name`, over all stages."""
    pairs = (i.text.partition("=") for i in dockerfile if i.word == "ARG")
    return [value for key, _, value in pairs if key == name and value]


def pins(root):
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def last(dockerfile, stage, word):
    found = [i.text for i in dockerfile if i.stage == stage and i.word == word]
    assert found, f"the stage {stage} has no {word}"
    return found[-1]


@pytest.mark.parametrize("stage", FINAL_STAGES)
def test_images_do_not_run_as_root(dockerfile, stage):
    words = [i.word for i in dockerfile if i.stage == stage]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last(dockerfile, stage, "USER"))
    assert "RUN" not in words[words.index("USER") :]


@pytest.mark.parametrize("stage", FINAL_STAGES)
def test_signals_reach_the_program(dockerfile, stage):
    assert last(dockerfile, stage, "STOPSIGNAL") == "SIGTERM"
    assert isinstance(json.loads(last(dockerfile, stage, "ENTRYPOINT")), list)  # exec form: no shell in between


def test_last_stage_is_the_command_line(dockerfile, root):
    assert dockerfile[-1].stage == "tokenlayer"
    entrypoint = json.loads(last(dockerfile, "tokenlayer", "ENTRYPOINT"))
    scripts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert entrypoint == ["tokenlayer"]
    assert "tokenlayer" in scripts


@pytest.mark.parametrize("stage", FINAL_STAGES)
def test_volumes_belong_to_the_user(dockerfile, stage):
    user = stage.removesuffix("-server")
    (made,) = [i.text for i in dockerfile if i.stage == stage and "install --directory" in i.text]
    assert f"--owner={user}" in made
    assert set(json.loads(last(dockerfile, stage, "VOLUME"))) <= set(made.split())


def test_base_image_is_pinned_to_a_patch_release_of_a_supported_python(dockerfile, root):
    (image,) = arguments(dockerfile, "PYTHON_IMAGE")
    version = re.fullmatch(r"python:(\d+)\.(\d+)\.\d+-slim-\w+", image)
    assert version
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Programming Language :: Python :: {version[1]}.{version[2]}" in project["classifiers"]


def test_every_stage_stands_on_the_base_or_on_another_stage(dockerfile):
    stages = {i.stage for i in dockerfile}
    for instruction in dockerfile:
        if instruction.word == "FROM":
            parent = instruction.text.split()[0]
            assert parent in ("${PYTHON_IMAGE}", "torch-${ACCELERATOR}") or parent in stages
    assert {"torch-cpu", "torch-gpu"} <= stages
    assert arguments(dockerfile, "ACCELERATOR") == ["cpu"]


def test_torch_is_the_constrained_one(dockerfile, root):
    assert "torch" in pins(root)
    installs = {i.stage: i.text for i in dockerfile if i.word == "RUN" and i.stage.startswith("torch-")}
    assert set(installs) == {"torch-cpu", "torch-gpu"}
    assert all(install.endswith("--constraint /constraints.txt torch") for install in installs.values())
    assert '--index-url "${TORCH_CPU_INDEX}"' in installs["torch-cpu"]
    assert "index" not in installs["torch-gpu"]


def test_every_install_is_constrained_or_brings_no_dependencies(dockerfile, root):
    installs = [i for i in dockerfile if i.word == "RUN" and re.search(r"\bpip (install|wheel)\b", i.text)]
    assert len(installs) >= 6
    for install in installs:
        assert "--constraint /constraints.txt" in install.text or "--no-deps" in install.text, install
    assert {"mlflow", "hatchling"} <= set(pins(root))
    (psycopg,) = arguments(dockerfile, "PSYCOPG_VERSION")
    assert re.fullmatch(r"3\.\d+\.\d+", psycopg)


def test_dependencies_are_installed_before_the_source_is_copied(dockerfile):
    stages_with_source = {i.stage for i in dockerfile if i.word == "COPY" and i.text.startswith("src")}
    assert stages_with_source == {"wheel"}
    assert not any("torch" in i.text for i in dockerfile if i.stage == "wheel")


def test_what_is_copied_exists_and_passes_the_ignore_file(dockerfile, root):
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    copies = [i.text for i in dockerfile if i.word == "COPY" and not i.text.startswith("--from")]
    binds = [m[1] for i in dockerfile for m in re.finditer(r"type=bind,source=([^,]+),", i.text)]
    sources = {source for text in copies for source in text.split()[:-1]} | set(binds)
    assert {"src", "conf", "pyproject.toml", "constraints.txt"} <= sources
    assert sources == allowed
    assert all((root / source).exists() for source in sources)
    for private in (".venv", ".git", "docker", "outputs"):
        assert not any(fnmatch.fnmatch(private, name) for name in allowed)
