"""The settings of tracking (group `tracking` of the configuration)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tokenlayer.errors import InputError
from tokenlayer.tracking.uri import LOCAL, check_uri


@dataclass
class TrackingConfig:
    """The store and the names under which a run is recorded."""

    uri: str | None = None
    """MLflow's tracking URI: sqlite:////absolute/path.db, http(s)://server:port, or a database's. None: that of
    MLFLOW_TRACKING_URI, else the SQLite file `mlflow.db` in the output folder. `local`: the latter in any case."""

    experiment: str | None = None
    """Name of the MLflow experiment; made when it is new. None: that of MLFLOW_EXPERIMENT_NAME, else `tokenlayer`."""

    run_name: str | None = None
    """Name of the run in MLflow. None: made from the configuration's choices."""

    tags: dict[str, str] = field(default_factory=dict)
    """Tags of the run, beside those that say where it comes from."""

    system_metrics: bool = False
    """Record the load of the machine (processor, memory, disk, network, GPU) every 10 seconds as metrics `system/…`."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield (field, message) for each value that cannot work; nothing is opened."""
        if self.uri is not None and not self.uri.strip():
            yield "uri", "must be given: tracking.uri=http://server:port, or set MLFLOW_TRACKING_URI to that address"
        elif self.uri is not None and self.uri != LOCAL:
            try:
                check_uri(self.uri)
            except InputError as error:
                yield "uri", str(error).removeprefix("tracking.uri=")
        if self.experiment is not None and not self.experiment.strip():
            yield "experiment", "is empty; give the experiment a name"
        if self.run_name is not None and not self.run_name.strip():
            yield "run_name", "is empty; give a name, or null to have one made"
