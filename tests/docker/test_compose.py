import json
import re
from urllib.parse import urlsplit

import pytest
from mlflow.cli import cli
from mlflow.server.security_utils import is_allowed_host_header

SERVICES = ("postgres", "mlflow", "trainer")


def option(command, name):
    (value,) = [word.split("=", 1)[1] for word in command if word.startswith(f"{name}=")]
    return value


def test_services(compose):
    assert tuple(compose["services"]) == SERVICES


def test_foreign_images_are_pinned_and_own_ones_are_built(compose, compose_gpu, dockerfile, root):
    stages = {i.stage for i in dockerfile}
    declared = {i.text.partition("=")[0] for i in dockerfile if i.word == "ARG"}
    assert re.fullmatch(r"postgres:\d+\.\d+-\w+", compose["services"]["postgres"]["image"])
    for name in ("mlflow", "trainer"):
        service = compose["services"][name]
        context = root / "docker" / service["build"]["context"]
        assert service["pull_policy"] == "build"
        assert (context / service["build"]["dockerfile"]).samefile(root / "docker" / "Dockerfile")
        assert service["build"].get("target", "tokenlayer") in stages
    builds = [file["services"]["trainer"]["build"]["args"] for file in (compose, compose_gpu)]
    assert [build["ACCELERATOR"] for build in builds] == ["cpu", "gpu"]
    assert all(set(build) <= declared for build in builds)


def test_gpu_file_only_adds_to_the_trainer(compose, compose_gpu):
    assert list(compose_gpu["services"]) == ["trainer"]
    trainer = compose_gpu["services"]["trainer"]
    assert trainer["image"] != compose["services"]["trainer"]["image"]
    (device,) = trainer["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_nothing_runs_as_root_or_gains_privileges(compose):
    for name, service in compose["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service
    assert compose["services"]["postgres"]["user"] == "postgres"  # the images of this project name theirs
    assert all("user" not in compose["services"][name] for name in ("mlflow", "trainer"))


def test_a_service_starts_when_what_it_needs_is_healthy(compose):
    services = compose["services"]
    for name, needed in (("mlflow", "postgres"), ("trainer", "mlflow")):
        assert services[name]["depends_on"] == {needed: {"condition": "service_healthy"}}
        assert services[needed]["healthcheck"]["test"][0] == "CMD"
    assert "healthcheck" not in services["trainer"]  # a job that ends


def test_database_is_the_one_the_health_check_and_the_server_ask(compose):
    postgres, mlflow = compose["services"]["postgres"], compose["services"]["mlflow"]
    uri = urlsplit(option(mlflow["command"], "--backend-store-uri"))
    names = postgres["environment"]["POSTGRES_USER"], postgres["environment"]["POSTGRES_DB"]
    assert (uri.scheme, uri.hostname, uri.port) == ("postgresql+psycopg", "postgres", 5432)
    assert (uri.username, uri.path.lstrip("/")) == names
    assert {f"--username={names[0]}", f"--dbname={names[1]}"} <= set(postgres["healthcheck"]["test"])


def test_passwords_come_from_outside(compose, root):
    environments = [service.get("environment", {}) for service in compose["services"].values()]
    passwords = [value for env in environments for key, value in env.items() if "PASSWORD" in key]
    assert len(passwords) == 2
    assert all(re.fullmatch(r"\$\{POSTGRES_PASSWORD:\?.+\}", password) for password in passwords)
    assert urlsplit(option(compose["services"]["mlflow"]["command"], "--backend-store-uri")).password is None


def test_example_file_names_every_variable_and_holds_no_password(root):
    text = (root / "docker" / "compose.yaml").read_text(encoding="utf-8")
    lines = (root / "docker" / ".env.example").read_text(encoding="utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(example) == set(re.findall(r"\$\{(\w+)", text))
    assert example["POSTGRES_PASSWORD"] == ""
    assert ".env" in (root / "docker" / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_mlflow_takes_the_server_command(compose):
    command = compose["services"]["mlflow"]["command"]
    context = cli.commands["server"].make_context("mlflow server", list(command))
    assert context.params["serve_artifacts"] is True
    assert context.params["host"] == "0.0.0.0"


def test_server_answers_the_trainer_and_this_machine_only(compose):
    mlflow, trainer = compose["services"]["mlflow"], compose["services"]["trainer"]
    uri = urlsplit(trainer["environment"]["MLFLOW_TRACKING_URI"])
    hosts = option(mlflow["command"], "--allowed-hosts").split(",")
    assert uri.hostname in compose["services"]
    assert str(uri.port) == option(mlflow["command"], "--port")
    for host, allowed in (
        (uri.netloc, True),
        ("localhost:5001", True),
        ("127.0.0.1:5000", True),
        ("evil.org", False),
    ):
        assert is_allowed_host_header(hosts, host) is allowed, host
    assert all(
        port.startswith("127.0.0.1:") for service in compose["services"].values() for port in service.get("ports", [])
    )


def test_state_lies_in_named_volumes(compose, dockerfile):
    services = compose["services"]
    mounts = {name: dict(m.split(":") for m in service["volumes"]) for name, service in services.items()}
    assert {volume for pairs in mounts.values() for volume in pairs} == set(compose["volumes"])
    declared = {i.stage: json.loads(i.text) for i in dockerfile if i.word == "VOLUME"}
    assert list(mounts["trainer"].values()) == declared["tokenlayer"]
    assert list(mounts["mlflow"].values()) == declared["mlflow-server"]
    assert option(services["mlflow"]["command"], "--artifacts-destination") in declared["mlflow-server"]


def test_trainer_is_stopped_gently_and_not_started_again(compose):
    trainer = compose["services"]["trainer"]
    assert trainer["init"] is True
    assert trainer["stop_grace_period"] == "2m"
    assert trainer["restart"] == "no"


@pytest.mark.parametrize("group", ["experiment", "tracking"])
def test_trainer_composes_options_that_exist(compose, root, group):
    command = compose["services"]["trainer"]["command"]
    assert command[0] == "train"
    assert (root / "conf" / group / f"{option(command, group)}.yaml").is_file()
