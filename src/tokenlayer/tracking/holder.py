"""The process that records a run: told from others, and known to be dead where that can be known."""

import json
import platform
import secrets
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import psutil

HEARTBEAT_SECONDS = 30.0
# Six heartbeats: a store that is away for a while, or clocks that differ by seconds, take no run from its recorder.
EXPIRY_SECONDS = 180.0


@dataclass(frozen=True)
class Holder:
    """Who holds the lease on a run."""

    token: str
    """Drawn anew for each recorder: two in one process are two."""
    host: str
    machine: str
    """Identifies the boot of the machine and the namespace of process ids; two containers differ in the latter."""
    pid: int
    started: int
    """When the process started, in the clock ticks or milliseconds that the system counts; tells reused ids apart."""
    heartbeat: float
    """Seconds since 1970, when the holder was last known to live."""

    @classmethod
    def this_process(cls) -> Self:
        """A new holder in this process."""
        pid = psutil.Process().pid
        return cls(secrets.token_hex(8), platform.node(), _machine(), pid, _started(pid) or 0, time.time())

    @classmethod
    def from_tag(cls, tag: str) -> Self | None:
        """The holder that a tag of the run names; None for a tag that is none of a holder's."""
        try:
            holder = cls(**json.loads(tag))
            return replace(holder, pid=int(holder.pid), heartbeat=float(holder.heartbeat))
        except (ValueError, TypeError, RecursionError):
            return None

    def to_tag(self) -> str:
        """The value of the run's tag."""
        return json.dumps(asdict(self))

    def now(self) -> Self:
        """The same holder, alive at this moment."""
        return replace(self, heartbeat=time.time())

    def is_this_process(self) -> bool:
        """True for a holder in this very process."""
        pid = psutil.Process().pid
        return (self.machine, self.pid, self.started) == (_machine(), pid, _started(pid))

    def is_alive(self) -> bool:
        """False once its process has ended, or, where this machine cannot see it, the heartbeat is too old."""
        if self.machine == _machine():
            return _started(self.pid) == self.started
        return time.time() - self.heartbeat < EXPIRY_SECONDS

    def __str__(self) -> str:
        age = max(0, round(time.time() - self.heartbeat))
        return f"process {self.pid} on {self.host}, last heard of {age} s ago"


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux
        return f"{platform.node()} {psutil.boot_time():.0f}"


def _started(pid: int) -> int | None:
    """None where no such process runs; one that has ended and waits for its parent does not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return None
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else round(1000 * process.create_time())
    except psutil.Error:
        return None
