"""The load of the machine, as MLflow's own monitor reads it, for the recorder to keep with the rest of the run.

MLflow's monitor would send the values itself, from a thread of its own: beside the journal, so that a server that is
away ends it, and past the lease. Here nothing runs but a look at the clock at each step.
"""

import time

from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

PREFIX = "system/"
"""MLflow's UI shows metrics of such names under "System metrics"."""


class SystemLoad:
    """Readings of processor, memory, disk, network and, where there is one and `nvidia-ml-py` is installed, GPU.

    `MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL` changes the 10 seconds between them, as for MLflow.

    Args:
        run_id: the run; nothing is sent to it from here.

    """

    def __init__(self, run_id: str) -> None:
        self._monitor = SystemMetricsMonitor(run_id)  # type: ignore[no-untyped-call]  # MLflow: untyped
        self._monitor.collect_metrics()  # type: ignore[no-untyped-call]  # processors are read since the reading before
        self._forget()

    def is_due(self) -> bool:
        """True when the interval since the latest reading is over."""
        return time.monotonic() >= self._next

    def read(self) -> dict[str, float]:
        """The load since the latest reading, by metric name."""
        self._monitor.collect_metrics()  # type: ignore[no-untyped-call]  # MLflow: untyped
        found = self._monitor.aggregate_metrics()  # type: ignore[no-untyped-call]  # MLflow: untyped
        self._forget()
        return {f"{PREFIX}{name}": float(value) for name, value in found.items()}

    def _forget(self) -> None:
        for monitor in self._monitor.monitors:
            monitor.clear_metrics()  # type: ignore[no-untyped-call]  # MLflow: untyped
        self._next = time.monotonic() + float(self._monitor.sampling_interval)
