"""``lis completion``: what a shell loads to complete commands."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.cli.command import Command
from jobs.cli.completion import SHELLS, shell_script
from jobs.common.errors import InputError
from jobs.common.options import argument


def _shell(text: str) -> str:
    if text not in SHELLS:
        raise InputError(f"{text!r}: write one of {', '.join(SHELLS)}")
    return text


@dataclass(frozen=True, kw_only=True)
class _Options:
    shell: str = argument(_shell, "bash, zsh or fish", metavar="SHELL", values=lambda: SHELLS)


_DETAILS = """\
Completes commands, options, scenarios, kinds of preference data and modes. Once in a shell, or in
the file that it reads at its start:

  eval "$(lis completion bash)"
  eval "$(lis completion zsh)"
  lis completion fish | source
"""


COMPLETION = Command(
    name="completion",
    summary="completion of commands in a shell",
    options=_Options,
    run=lambda options: print(shell_script(options.shell)),
    details=_DETAILS,
)
