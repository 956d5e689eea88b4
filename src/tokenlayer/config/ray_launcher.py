"""The launcher `hydra/launcher=ray`: each job of a sweep is a task of a Ray cluster.

Hydra's own for Ray wants an older cloudpickle than joblib needs, and the two could not be installed together.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

TITLE = "ray::job"
"""The process of a job, as the system lists it: Ray gives it the name of the function that it runs."""


class RayLauncher(Launcher):
    """A launcher of Hydra.

    Args:
        ray: `init`, the arguments of `ray.init`, and `remote`, the options of each task (`num_cpus`, `num_gpus`, …).

    """

    def __init__(self, ray: DictConfig) -> None:
        self._settings = cast(Mapping[str, Any], OmegaConf.to_container(ray, resolve=True))
        self._jobs: tuple[HydraContext, TaskFunction, DictConfig] | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what the jobs have in common."""
        self._jobs = (hydra_context, task_function, config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs and wait for all of them; one whose process has died has that for its end.

        Args:
            job_overrides: the settings of each.
            initial_job_idx: the number of the first.

        """
        import ray  # noqa: PLC0415  # Ray is an extra, and this module is imported without it

        self._start()
        assert self._jobs is not None, "setup comes before"
        Path(self._jobs[2].hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        task = ray.remote(**self._settings["remote"])(job)
        common = ray.put((*self._jobs, Singleton.get_state()))
        running = [task.remote(number, line, common) for number, line in enumerate(job_overrides, initial_job_idx)]
        return [_end(each) for each in running]

    def _start(self) -> None:
        """Start Ray, or connect to it; it takes SIGTERM for itself then, and is made to give it back."""
        import ray  # noqa: PLC0415  # Ray is an extra, and this module is imported without it

        before = signal.getsignal(signal.SIGTERM)
        if not ray.is_initialized():
            ray.init(**self._settings["init"])
        signal.signal(signal.SIGTERM, before)


def _end(running: Any) -> JobReturn:
    import ray  # noqa: PLC0415  # Ray is an extra, and this module is imported without it

    try:
        returned: JobReturn = ray.get(running)
    except ray.exceptions.RayError as error:
        returned = JobReturn(status=JobStatus.FAILED)
        returned.return_value = error
    return returned


def job(
    number: int, overrides: Sequence[str], common: tuple[HydraContext, TaskFunction, DictConfig, Mapping[Any, Any]]
) -> JobReturn:
    """Run one job in a process of the cluster, whose lines Ray marks with the name of this function."""
    context, task, sweep, state = common
    setup_globals()
    Singleton.set_state(state)
    config = context.config_loader.load_sweep_config(sweep, list(overrides))
    with open_dict(config):
        config.hydra.job.id = f"{config.hydra.job.name}_{number}"
        config.hydra.job.num = number
    HydraConfig.instance().set_config(config)
    return run_job(
        hydra_context=context,
        task_function=task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
