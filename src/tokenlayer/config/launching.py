"""Hydra's launchers, given exactly the jobs that are to run: Hydra's sweeper would run all combinations again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psutil
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from tokenlayer.config import ray_launcher
from tokenlayer.config.compose import Composer
from tokenlayer.config.problems import ConfigError, Problem
from tokenlayer.errors import InputError
from tokenlayer.forking import METHOD, is_server, start_server
from tokenlayer.hints import hint
from tokenlayer.outside import check_installed

Task = Callable[[DictConfig], Any]

_BASIC = "BasicSweeper"
_NO_SWEEPER = (
    "a sweep runs the combinations that its command line names: leave it at basic; tokenlayer search chooses values by "
    "what they bring"
)
# Launcher → the package behind it, what it is called, and the extra that brings it.
_EXTRAS = {"ray": ("ray", "Ray", "ray"), "slurm": ("hydra_plugins.hydra_submitit_launcher", "submitit", "slurm")}
# As joblib sets them for its processes, each of which gets its share of the processor.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def choice_problem(composer: Composer, choice: Override) -> Problem | None:
    """What is wrong with one of Hydra's own overrides, if it chooses an option: `hydra/launcher=joblib`."""
    group, option = choice.key_or_group, str(choice.value())
    if "/" not in group or choice.is_delete():
        return None
    options = composer.options(group)
    if not options:
        return Problem(group, f"no such group{hint(group, composer.groups('hydra'))}", is_of_key=True)
    text = f"{group}={option}"
    if group == "hydra/launcher" and option in _EXTRAS:
        package, called, extra = _EXTRAS[option]
        try:
            check_installed(package, f"{text} needs {called}", extra)
        except InputError as error:
            return Problem("", str(error))
    if choice.value() is None or option in options:
        return None
    return Problem(text, _NO_SWEEPER if group == "hydra/sweeper" else f"no such option{hint(option, options)}")


def swept_by_files(sweep: DictConfig) -> list[str]:
    """The overrides that configuration files give to every sweep (`hydra.sweeper.params`).

    Args:
        sweep: as `Composer.compose_sweep` returns it.

    Raises:
        ConfigError: another sweeper than Hydra's basic one is chosen.

    """
    sweeper = sweep.hydra.sweeper
    if not str(sweeper.get("_target_")).endswith(f".{_BASIC}"):
        raise ConfigError([Problem("hydra/sweeper", _NO_SWEEPER)])
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
            # Ray's own processes have such names, too, and its node dies with them.
            is_job = "".join(process.cmdline()).startswith(ray_launcher.TITLE) if of_ray else not is_server(process)
            if is_job:
                process.terminate()
                asked += 1
    return asked > 0 or not of_ray


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
        BrokenProcessPool: a process of joblib's has died.

    """
    callbacks = _Callbacks(sweep)
    context = HydraContext(composer.loader, callbacks)  # type: ignore[arg-type]  # it has all methods of Hydra's own
    launcher = _launcher(context, sweep, task)
    callbacks.on_multirun_start(config=sweep, config_name=composer.config_name)
    returned = launcher.launch([composer.launchable(job) for job in jobs], initial_job_idx=0)
    callbacks.on_multirun_end(config=sweep, config_name=composer.config_name)
    return list(returned)


def _launcher(context: HydraContext, sweep: DictConfig, task: Task) -> Launcher:
    try:
        if sweep.hydra.launcher._target_.startswith("tokenlayer."):  # Hydra makes those of its plugins alone
            own: Launcher = instantiate(sweep.hydra.launcher)
            own.setup(hydra_context=context, task_function=task, config=sweep)
            return own
        return Plugins.instance().instantiate_launcher(context, task, sweep)
    except (HydraException, ImportError, RuntimeError) as error:
        raise ConfigError([Problem("hydra/launcher", str(error))]) from error


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
