"""Runs in a list, sweeps with their jobs."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError
from tokenlayer.tracking.lease import LEASE_TAG
from tokenlayer.tracking.listing import list_runs
from tokenlayer.tracking.sweep_tags import KIND_TAG, NAME_TAG, SWEEP, job_tags


@pytest.fixture
def sweep(client: MlflowClient) -> str:
    """A sweep of three jobs, of which one failed and was run again; and a single run, which began before."""
    client.create_run("0", 1000, {}, run_name="alone")
    tags = {KIND_TAG: SWEEP, NAME_TAG: "rules"}
    parent: str = client.create_run("0", 2000, tags, run_name="renamed").info.run_id
    for start, (seed, status) in enumerate([("0", "FINISHED"), ("1", "FAILED"), ("1", "FINISHED"), ("2", "FAILED")]):
        job = client.create_run("0", 3000 + start, job_tags(parent, {"seed": seed}), run_name=f"job{seed}")
        client.log_metric(job.info.run_id, "test/accuracy", 0.8)
        client.set_terminated(job.info.run_id, status)
    return parent


def test_a_sweep_is_one_line_with_its_jobs(sweep: str, output_dir: Path) -> None:
    rules, alone = list_runs(None, output_dir, "", 20)
    assert (rules.run_id, rules.name, rules.jobs) == (sweep, "rules", {"FAILED": 1, "FINISHED": 2})
    assert (alone.name, alone.jobs, alone.test) == ("alone", None, None)
    assert f"{alone.start:%Y-%m-%d %H:%M:%S}" == "1970-01-01 00:00:01"
    assert [run.name for run in list_runs(None, output_dir, "", 1)] == ["rules"]


def test_a_filter_lists_jobs_too(sweep: str, output_dir: Path) -> None:
    found = list_runs(None, output_dir, "attributes.status = 'FAILED'", 20)
    assert [(run.name, run.test) for run in found] == [("job2", 0.8), ("job1", 0.8)]
    with pytest.raises(InputError, match="the filter 'nonsense' does not work"):
        list_runs(None, output_dir, "nonsense", 20)


def test_ids_are_as_short_as_they_can_be(client: MlflowClient, output_dir: Path) -> None:
    for _ in range(30):
        client.create_run("0")
    listed = list_runs(None, output_dir, "", 30)
    assert len({run.short_id for run in listed}) == 30
    assert {len(run.short_id) for run in listed} == {8}


def test_a_run_whose_process_is_gone_is_no_running_one(client: MlflowClient, output_dir: Path) -> None:
    dead = '{"token": "t", "host": "h", "machine": "m", "pid": 1, "started": 0, "heartbeat": 0}'
    client.create_run("0", tags={LEASE_TAG: dead})
    assert [run.status for run in list_runs(None, output_dir, "", 1)] == ["KILLED"]
