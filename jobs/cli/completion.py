"""Completion of the command line in a shell, by the library argcomplete.

The script that a shell loads runs ``lis`` itself for each completion, so that what is completed is
what this version takes. See ``lis completion``.
"""

from __future__ import annotations

import argparse
import os

from jobs.common.options import Option

SHELLS = ("bash", "zsh", "fish")
_ASKED = "_ARGCOMPLETE"
"""Set by a shell that waits for completions."""


def complete(action: argparse.Action, option: Option) -> None:
    """Complete the values of an argument, also behind a comma; names of files if it has none."""
    values = option.values
    if values is None:
        return

    def found(prefix: str, **_: object) -> list[str]:
        before, comma, _last = prefix.rpartition(",")
        return [f"{before}{comma}{value}" for value in values()]

    # The attribute in which argcomplete looks for it.
    action.completer = found  # type: ignore[attr-defined]


def answer_shell(parser: argparse.ArgumentParser) -> None:
    """If a shell waits for completions, print them and exit."""
    if _ASKED in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def shell_script(shell: str) -> str:
    """What a shell must load so that it completes the command ``lis``."""
    from argcomplete.shell_integration import shellcode

    return shellcode(["lis"], shell=shell)
