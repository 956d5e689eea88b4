"""The server that processes are forked from, started by a process of its own for each test."""

import subprocess
import sys

import pytest

from tokenlayer.forking import METHOD

SCRIPT = """\
import multiprocessing, os, sys, time
import psutil
from tokenlayer.forking import METHOD, is_server, start_server

def told(queue):
    queue.put(("xml.dom.minidom" in sys.modules, os.environ["GIVEN"], os.getppid()))
    time.sleep(60)

if __name__ == "__main__":
    start_server(["xml.dom.minidom"], {"GIVEN": "1"})
    assert "GIVEN" not in os.environ
    context = multiprocessing.get_context(METHOD)
    queue = context.Queue()
    process = context.Process(target=told, args=(queue,))
    process.start()
    is_loaded, given, parent = queue.get(timeout=60)
    (server,) = filter(is_server, psutil.Process().children(recursive=True))
    server.terminate()
    process.terminate()
    process.join(60)
    print(is_loaded, given, parent == server.pid, process.exitcode, server.is_running())
"""


@pytest.mark.skipif(METHOD != "forkserver", reason="processes are forked on Linux alone")
def test_asked_to_end_it_waits_for_the_processes_that_are_forked_from_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.split() == ["True", "1", "True", "-15", "True"], done.stderr
