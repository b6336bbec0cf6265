"""Runs the unchanged ``baremetal`` command many times in one process, because one start takes 1.6 s of CPU:

    .venv-openstack/bin/python tests/openstack_shell.py

Runs in the environment of OpenStack's clients. Each line of the input is a JSON list of arguments. Each line
of the output has the exit status, the standard output, and the standard error.
"""

import contextlib
import io
import json
import sys

from ironicclient import shell


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Run one command."""
    sys.argv[1:] = arguments
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            status = shell.main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
