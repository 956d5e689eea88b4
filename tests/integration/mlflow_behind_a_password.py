"""MLflow's own server, without its pages, in a process of its own; it answers who knows user and password alone.

python mlflow_behind_a_password.py FOLDER PORT USER PASSWORD
"""

import os
import sys


def main(folder: str, port: str, user: str, password: str) -> None:
    os.environ |= {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.db",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"{folder}/artifacts",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
    from flask import request  # noqa: PLC0415  # the server reads its environment when it is imported
    from mlflow.server import app  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    @app.before_request
    def check() -> tuple[str, int] | None:
        given = request.authorization
        return (
            None
            if given and (given.username, given.password) == (user, password)
            else ("<html>who are you?</html>", 401)
        )

    make_server("127.0.0.1", int(port), app, threaded=True).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
