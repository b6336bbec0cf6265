"""``podium completion``: the script by which a shell completes what is typed."""

import argparse
from typing import Final

from argcomplete.shell_integration import shellcode

from podium.cli import command
from podium.cli.app import App

_INSTALLED: Final = (
    'For yourself: eval "$(podium completion bash)" in ~/.bashrc, the same for zsh in ~/.zshrc after'
    " compinit, and for fish a file ~/.config/fish/completions/podium.fish. For everybody: a file podium in"
    " /usr/share/bash-completion/completions, _podium in a folder of zsh's fpath, and podium.fish in"
    " /etc/fish/completions."
)
#: argcomplete's own script uses the whole line, which may contain other commands, as in ``sudo podium``.
_ZSH: Final = r"""#compdef podium

_podium() {
    local line="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" IFS=$'\013'
    local -a found=($(
        export _ARGCOMPLETE=1 _ARGCOMPLETE_SHELL=zsh _ARGCOMPLETE_SUPPRESS_SPACE=1 _ARGCOMPLETE_IFS=$IFS
        COMP_LINE=$line COMP_POINT=${#line} ${~words[1]} 8>&1 9>/dev/null 1>/dev/null 2>/dev/null </dev/null
    ))
    found=("${(@)found%:}")
    local -a unfinished=("${(@M)found:#*[/=]}") words=("${(@)found:#*[/=]}")
    _describe podium words -o nosort -- unfinished -o nosort -S ''
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _podium "$@"
else
    compdef _podium podium
fi
"""


class Completion(command.Command):
    """Print the script by which a shell completes commands, options and their values, and names of nodes."""

    def get_epilog(self) -> str:
        return _INSTALLED

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.app.stdout.write(script(parsed_args.shell))


def script(shell: str) -> str:
    """Return the script for a shell."""
    if shell == "zsh":
        return _ZSH
    # Bash must not fall back to file names where nothing is found: a file is no node.
    return shellcode([App.NAME], shell=shell, complete_arguments=["-o", "nospace", "-o", "nosort"])
