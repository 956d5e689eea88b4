"""Imported first by the process from which others are forked (`tokenlayer.forking`), to make it one; by no other."""

import gc
import os
import signal


def _become_a_process_of_its_own() -> None:
    gc.enable()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


# All that is loaded stays loaded: the collector would look through it again and again, here and in each process, and
# copy memory that is shared.
gc.disable()
os.register_at_fork(before=gc.freeze, after_in_child=_become_a_process_of_its_own)
# Asked to end together with the processes forked from it, it waits for them: without it nobody learns how they ended.
signal.signal(signal.SIGTERM, signal.SIG_IGN)
