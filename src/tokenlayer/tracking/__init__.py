"""Recording runs: local files first, mirrored to MLflow at commits, and reading them back.

MLflow's environment is set here, before any module of this package imports it, because it reads some of it
while it is imported. A value that the user has set stays.
"""

import os

_MLFLOW = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A request gives up soon, for a training may wait for it; what is not sent is sent at the next commit.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
for _name, _value in _MLFLOW.items():
    os.environ.setdefault(_name, _value)
