"""A proxy before an MLflow server, which can be told to behave as proxies do on bad days."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

PAGE = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"
Mode = Callable[["Handler"], bool]
"""Answers a request in its own way, and returns True; False: the request is passed on."""


class MlflowServer:
    """mlflow_server.py on a port of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        script = Path(__file__).with_name("mlflow_server.py")
        with (folder / "server.log").open("wb") as log:
            line = [sys.executable, str(script), str(self.port), str(folder)]
            self._process = subprocess.Popen(line, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        for _ in range(240):
            try:
                if requests.get(f"http://127.0.0.1:{self.port}/health", timeout=1).text == "OK":
                    return
            except requests.RequestException:
                time.sleep(0.5)
        raise TimeoutError("the server does not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


class Proxy:
    """Passes requests on, unless `mode` answers them."""

    def __init__(self, target: int) -> None:
        self.mode: Mode | None = None
        proxy = self

        class Bound(Handler):
            def proxy(self) -> Proxy:
                return proxy

            def target(self) -> int:
                return target

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def for_seconds(self, mode: Mode, seconds: float) -> None:
        """Behave so for a while from now on."""
        self.mode = mode
        timer = threading.Timer(seconds, self.pass_on)
        timer.daemon = True
        timer.start()

    def pass_on(self) -> None:
        self.mode = None


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def proxy(self) -> Proxy:
        raise NotImplementedError

    def target(self) -> int:
        raise NotImplementedError

    def handle_one(self) -> None:
        length = self.headers.get("Content-Length")
        self.body = self.rfile.read(int(length)) if length else self._chunks()
        mode = self.proxy().mode
        if mode is None or not mode(self):
            self.pass_on()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_one  # noqa: N815  # the names of the library

    def _chunks(self) -> bytes:
        body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return body

    def forwarded(self) -> requests.Response:
        """The server's answer."""
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "transfer-encoding")}
        url = f"http://127.0.0.1:{self.target()}{self.path}"
        return requests.request(self.command, url, data=self.body, headers=headers, timeout=60)

    def pass_on(self) -> None:
        answer = self.forwarded()
        self.reply(answer.status_code, answer.content, answer.headers.get("Content-Type", "text/plain"))

    def reply(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


def html(handler: Handler) -> bool:
    """A page in place of every answer."""
    handler.reply(200, PAGE, "text/html")
    return True


def html_for_uploads(handler: Handler) -> bool:
    """A page in place of what takes an artifact: all else works."""
    return handler.command == "PUT" and html(handler)


def broken(handler: Handler) -> bool:
    """An error."""
    handler.reply(500, b'{"error_code": "INTERNAL_ERROR"}', "application/json")
    return True


def away(handler: Handler) -> bool:
    """Nobody."""
    handler.hang_up()
    return True


def answers_lost(handler: Handler) -> bool:
    """What is sent arrives; the answer does not come back."""
    if handler.command in ("POST", "PUT"):
        handler.forwarded()
        handler.hang_up()
        return True
    return False


def silent(handler: Handler) -> bool:
    """No answer for a long time."""
    time.sleep(20)
    handler.hang_up()
    return True
