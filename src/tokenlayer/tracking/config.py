"""The settings of tracking (group `tracking` of the configuration)."""

import re
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

    registered_model: str | None = None
    """Name under which the model of a finished training is registered in MLflow, a version for each run. None: it is
    not."""

    model_alias: str | None = None
    """Alias that the version gets, of whichever had it, e.g. champion."""

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
        yield from self._problems_of_model()

    def _problems_of_model(self) -> Iterator[tuple[str, str]]:
        name, alias = self.registered_model, self.model_alias
        if name is not None and (
            not name.strip() or name == "." or name.startswith("..") or re.search(r"[/:\x00-\x1f]", name)
        ):
            yield "registered_model", "is no name of a model: give one without / and :, or null to register none"
        if alias is None:
            return
        if name is None:
            yield "model_alias", "is an alias of a registered model: give tracking.registered_model=NAME, too"
        if re.fullmatch(r"(?i)latest|v\d+", alias):
            yield "model_alias", "is kept by MLflow for versions: give another, e.g. champion"
        elif not re.fullmatch(r"[\w-]{1,255}", alias, flags=re.ASCII):
            yield "model_alias", "must be made of letters, digits, _ and -, e.g. champion"
