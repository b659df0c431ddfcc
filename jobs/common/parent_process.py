"""Ends a process together with its parent, so that no orphan runs beside a retry."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# Loaded at import: between fork and exec, only code that is already loaded is safe to call.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent dies. Does nothing outside Linux.

    The kernel watches the *thread* of the parent that started this process, so that thread must
    live as long as the work does. Children of this process do not inherit the setting.

    Args:
        parent: process id of the expected parent (default: the current parent). If it has already
            died, this process ends at once.

    Raises:
        OSError: If the kernel refuses the request.
    """
    if _LIBC is None:
        return
    expected = os.getppid() if parent is None else parent
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # If the parent died before the call, the kernel will never send the signal.
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGKILL)
