"""Ties a process to the one that started it, so that no orphan runs on beside a retry."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# Loaded here and not on use: between fork and exec, only what is already loaded is safe to call.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent dies. Does nothing outside Linux.

    The kernel watches the parent's *thread* that started this process, so that thread must live
    as long as the work does. A process that is started in turn does not inherit the tie.

    Args:
        parent: process id that must still be the parent; by default whoever is the parent now.
            If it has already died, this process ends at once.
    """
    if _LIBC is None:
        return
    expected = os.getppid() if parent is None else parent
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # The parent may have died before the call, and then no signal will ever come.
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGKILL)
