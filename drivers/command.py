"""Runs programs for drivers: without a shell, and with limits on time and output."""

import asyncio
import concurrent.futures
import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from podium import errors

__all__ = ["CommandResult", "Pending", "run"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a program ended: its exit status, and its output as text."""

    returncode: int
    stdout: str
    stderr: str


class Pending(Generic[_T]):
    """Work under way: ``await`` it in async methods, call :meth:`result` in plain methods."""

    def __init__(self, future: "concurrent.futures.Future[_T]") -> None:
        self._future = future

    def __await__(self) -> Generator[Any, None, _T]:
        return asyncio.wrap_future(self._future).__await__()

    def result(self, timeout: float | None = None) -> _T:
        """Wait for the result.

        :param timeout: seconds, after which TimeoutError is raised
        """
        return self._future.result(timeout)


def in_event_loop() -> bool:
    """Whether the caller runs in an event loop, which it must not block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def in_thread(work: Callable[[], _T], name: str) -> Pending[_T]:
    """Do blocking work in a thread of its own, which does not keep the process from ending."""
    future: concurrent.futures.Future[_T] = concurrent.futures.Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return Pending(future)


def inherited() -> dict[str, str]:
    """Return this process's environment without Podium's options, such as the password of the database."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OS_")}


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    input: str = "",
    env: Mapping[str, str] | None = None,
    max_output: int = 65536,
) -> CommandResult:
    """Run a program and wait for it; see :meth:`podium.drivers.base.Manager.run_command`."""
    name = Path(argv[0]).name
    end = time.monotonic() + timeout
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=inherited() if env is None else env,
            process_group=0,
        )
    except OSError as error:
        raise errors.DriverError(f"{argv[0]} cannot be started: {error.strerror}") from None
    with process:
        try:
            stdout, stderr = _talk(process, input.encode(), max_output, end)
            process.wait(max(end - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise errors.DriverError(f"{name} did not end within {timeout:g} s and was killed") from None
        except OverflowError:
            raise errors.DriverError(f"{name} wrote more than {max_output} bytes and was killed") from None
        finally:
            # The whole process group: a child that is left would keep the output open.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    return CommandResult(process.returncode, stdout, stderr)


def _talk(
    process: "subprocess.Popen[bytes]", to_write: bytes, max_output: int, end: float
) -> tuple[str, str]:
    """Write the input and read the outputs until both are closed, whichever the program does first."""
    assert process.stdin and process.stdout and process.stderr
    read: dict[Any, bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream in read:
            selector.register(stream, selectors.EVENT_READ)
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            ready = selector.select(max(end - time.monotonic(), 0))
            if not ready and time.monotonic() >= end:
                raise subprocess.TimeoutExpired(process.args, 0)
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    to_write = to_write[_write(process.stdin.fileno(), to_write) :]
                    if not to_write:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                read[key.fileobj] += chunk
                if len(read[key.fileobj]) > max_output:
                    raise OverflowError
    stdout, stderr = (bytes(text).decode(errors="replace") for text in read.values())
    return stdout, stderr


def _write(descriptor: int, data: bytes) -> int:
    """Return how much of the data is handled: all of it if the program does not read its input."""
    try:
        return os.write(descriptor, data) if data else 0
    except BrokenPipeError:
        return len(data)
