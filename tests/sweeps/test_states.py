import pytest

from tokenlayer.sweeps.plan import PlannedJob
from tokenlayer.sweeps.states import State, code_digest, earlier, listed, states
from tokenlayer.tracking.sweep_run import Child
from tokenlayer.tracking.sweep_tags import JOB_TAG, as_tag

JOB = PlannedJob(1, ("seed=0",), {"seed": "0"}, "seed=0")
OTHER = PlannedJob(2, ("seed=1",), {"seed": "1"}, "seed=1")


def child(run_id: str, status: str, *, is_recorded_now: bool = False, job: PlannedJob = JOB) -> Child:
    return Child(run_id, status, {JOB_TAG: as_tag(job.swept)}, 0.0, is_recorded_now)


@pytest.mark.parametrize(
    ("runs", "state", "run_id"),
    [
        ([], State.MISSING, None),
        ([child("a", "FINISHED")], State.DONE, "a"),
        ([child("a", "KILLED")], State.INTERRUPTED, "a"),
        ([child("a", "FAILED")], State.FAILED, "a"),
        ([child("a", "RUNNING", is_recorded_now=True)], State.RUNNING, "a"),
        # Killed on a machine that nobody has heard of since.
        ([child("a", "RUNNING")], State.INTERRUPTED, "a"),
        ([child("late", "KILLED"), child("early", "FAILED")], State.INTERRUPTED, "late"),
        ([child("late", "FAILED"), child("early", "FINISHED")], State.DONE, "early"),
        ([child("a", "FINISHED", job=OTHER)], State.MISSING, None),
    ],
)
def test_state_of_a_job(runs: list[Child], state: State, run_id: str | None) -> None:
    (found,) = states([JOB], runs)
    assert (found.state, found.run_id) == (state, run_id)


def test_jobs_are_counted_by_state() -> None:
    assert listed(states([JOB, OTHER], [child("a", "FINISHED")])) == "1 done, 1 to run"


def test_jobs_of_earlier_command_lines() -> None:
    runs = [child("c", "FINISHED"), child("late", "FINISHED", job=OTHER), child("early", "FAILED", job=OTHER)]
    (found,) = earlier([JOB], runs)
    assert (found.name, found.swept, found.state, found.run_id) == ("seed=1", {"seed": "1"}, State.DONE, "late")
    assert [state.name for state in earlier([], runs)] == ["seed=1", "seed=0"], "the oldest first"


def test_a_run_of_somebody_elses_under_the_parent_is_no_job() -> None:
    stranger = Child("x", "FINISHED", {}, 0.0, is_recorded_now=False)
    assert states([JOB], [stranger])[0].state is State.MISSING
    assert earlier([JOB], [stranger]) == []


def test_code_is_hashed_once_for_all() -> None:
    assert code_digest() == code_digest()
    assert len(code_digest()) == 16
