"""MLflow's own server, in one process: `mlflow_server.py PORT FOLDER`."""

import os
import sys
from pathlib import Path


def serve(port: int, folder: Path) -> None:
    """Serve until this process is ended."""
    # As `mlflow server --serve-artifacts` hands its options on to its workers.
    os.environ["_MLFLOW_SERVER_FILE_STORE"] = f"sqlite:///{folder}/mlflow.db"
    os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = "mlflow-artifacts:/"
    os.environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] = str(folder / "stored")
    os.environ["_MLFLOW_SERVER_SERVE_ARTIFACTS"] = "true"
    from mlflow.server import app  # noqa: PLC0415  # reads the environment
    from werkzeug.serving import make_server  # noqa: PLC0415

    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
