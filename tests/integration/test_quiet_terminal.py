"""The terminal of a training in a process that has trained nothing before."""

from pathlib import Path

from commands import Server
from tiny_runs import TINY


def test_it_is_free_of_messages_of_lightning(server: Server, output_dir: Path) -> None:
    done = server.run("train", *TINY, f"output_dir={output_dir}", "trainer.max_steps=2")
    assert done.code == 0, done.printed
    assert "GPU available" not in done.printed
    assert "litlogger" not in done.printed
