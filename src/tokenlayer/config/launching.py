"""Hydra's launchers, given exactly the jobs that are to run: Hydra's sweeper would run all combinations again."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psutil
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.types import HydraContext
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from tokenlayer.config.compose import Composer
from tokenlayer.config.problems import ConfigError, Problem
from tokenlayer.forking import METHOD, is_server, start_server

Task = Callable[[DictConfig], Any]

_BASIC = "BasicSweeper"
# As joblib sets them for its processes, each of which gets its share of the processor.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def swept_by_files(sweep: DictConfig) -> list[str]:
    """The overrides that configuration files give to every sweep (`hydra.sweeper.params`).

    Args:
        sweep: as `Composer.compose_sweep` returns it.

    Raises:
        ConfigError: another sweeper than Hydra's basic one is chosen.

    """
    sweeper = sweep.hydra.sweeper
    if not str(sweeper.get("_target_")).endswith(f".{_BASIC}"):
        remedy = "a sweep runs the combinations that its command line names: leave it at basic"
        raise ConfigError([Problem("hydra/sweeper", f"{remedy}; tokenlayer search chooses values by what they bring")])
    return [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]


def in_this_process(sweep: DictConfig) -> bool:
    """True if the launcher runs jobs one after the other in this process."""
    return _is_launcher(sweep, "Basic")


def _is_launcher(sweep: DictConfig, name: str) -> bool:
    return str(sweep.hydra.launcher.get("_target_")).endswith(f".{name}Launcher")


def fork_processes(sweep: DictConfig, modules: Sequence[str]) -> None:
    """Have the processes of joblib's launcher forked from one that imports these modules from now on.

    Its own would import them, each of them anew. Nothing is done for other launchers, and where there is no forking.

    Args:
        sweep: as `Composer.compose_sweep` returns it.
        modules: what the jobs need.

    """
    if METHOD != "forkserver" or not _is_launcher(sweep, "Joblib"):
        return
    import joblib  # noqa: PLC0415  # few command lines need it
    from joblib.externals.loky.backend.context import set_start_method  # noqa: PLC0415  # likewise

    share = max(1, joblib.cpu_count() // joblib.effective_n_jobs(sweep.hydra.launcher.n_jobs))
    start_server(modules, {name: str(share) for name in _THREADS if name not in os.environ})
    set_start_method(METHOD, force=True)


def end_jobs(sweep: DictConfig) -> bool:
    """Ask the processes of the launcher's jobs to end: each finishes its batch and records what it has.

    Those of a Ray cluster that this process has not started cannot be asked; they end with this process.

    Args:
        sweep: as `Composer.compose_sweep` returns it.

    Returns:
        False if there is nothing to wait for.

    """
    of_ray = _is_launcher(sweep, "Ray")
    asked = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            is_job = "".join(process.cmdline()).startswith("ray::") if of_ray else not is_server(process)
            if is_job:
                process.terminate()
                asked += 1
    return asked > 0 or not of_ray


def _start_ray(sweep: DictConfig) -> None:
    """Start Ray, or connect to it; its launcher finds it running.

    Ray takes SIGTERM for itself when it starts, and is made to give it back. And the launcher would set the size of the
    object store, which Ray refuses for a cluster that is there.
    """
    import ray  # noqa: PLC0415  # few command lines need it

    before = signal.getsignal(signal.SIGTERM)
    settings: Any = OmegaConf.to_container(sweep.hydra.launcher.ray.init, resolve=True)
    if not ray.is_initialized():
        ray.init(**settings)
    signal.signal(signal.SIGTERM, before)


def launch(composer: Composer, sweep: DictConfig, jobs: Sequence[Sequence[str]], task: Task) -> list[JobReturn]:
    """What the launcher gives back for each job.

    Args:
        composer: the composer of the primary configuration.
        sweep: as `Composer.compose_sweep` returns it.
        jobs: the overrides of each job.
        task: runs a job, in this process or in another, to which it is pickled; it is given the job's composition,
            and the job's place in `jobs` is `hydra.job.num`.

    Raises:
        ConfigError: the launcher is not installed, or does not take its settings.

    """
    callbacks = _Callbacks(sweep)
    context = HydraContext(composer.loader, callbacks)  # type: ignore[arg-type]  # it has all methods of Hydra's own
    try:
        launcher = Plugins.instance().instantiate_launcher(context, task, sweep)
    except (HydraException, ImportError, RuntimeError) as error:
        raise ConfigError([Problem("hydra/launcher", str(error))]) from error
    callbacks.on_multirun_start(config=sweep, config_name=composer.config_name)
    if _is_launcher(sweep, "Ray"):
        _start_ray(sweep)
    returned = launcher.launch([composer.launchable(job) for job in jobs], initial_job_idx=0)
    callbacks.on_multirun_end(config=sweep, config_name=composer.config_name)
    return list(returned)


class _Callbacks:
    """Hydra's callbacks, which its launchers notify; Hydra's own object for this is internal."""

    def __init__(self, config: DictConfig) -> None:
        given = OmegaConf.select(config, "hydra.callbacks") or {}
        self._callbacks = [instantiate(callback) for callback in given.values()]

    def on_multirun_start(self, **kwargs: Any) -> None:
        self._notify("on_multirun_start", self._callbacks, kwargs)

    def on_multirun_end(self, **kwargs: Any) -> None:
        self._notify("on_multirun_end", self._callbacks[::-1], kwargs)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        self._notify("on_job_start", self._callbacks, {"config": config, **kwargs})

    def on_job_end(self, config: DictConfig, **kwargs: Any) -> None:
        self._notify("on_job_end", self._callbacks[::-1], {"config": config, **kwargs})

    def _notify(self, event: str, callbacks: Sequence[Any], kwargs: dict[str, Any]) -> None:
        for callback in callbacks:
            try:
                getattr(callback, event)(**kwargs)
            except Exception as error:  # as Hydra does: a callback that fails stops nothing
                warnings.warn(f"callback {type(callback).__name__}.{event}: {error}", stacklevel=2)
