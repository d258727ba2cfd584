"""The edge between a command and the shell: exceptions become a message and an exit code."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from rivven_connect._errors import InputError


def exit_from(group: click.Group) -> NoReturn:
    """Run `group` on the process's arguments and exit with its code.

    Plugins of pydantic stay out, unless the environment says otherwise: they would be shown every
    config with its secrets, and looking for them takes longer than reading a pipeline file.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _open_closed_streams()
    sys.exit(run_group(group, sys.argv[1:]))


def _open_closed_streams() -> None:
    """Let standard streams that were closed lead nowhere, so that no file of ours becomes one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free number is the closed stream's own.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def run_group(group: click.Group, args: Sequence[str], *, prog_name: str | None = None) -> int:
    """Run `group` on `args` and return the exit code; no exception leaves but a bug under a debugger.

    Codes: design.md, "Commands". Errors go to stderr, as one JSON object with `--json`. A person sees
    a traceback only with `--debug` (or RIVVEN_DEBUG=1), and it never shows local variables.
    """
    options = _options(args)
    streams = sys.stdout, sys.stderr
    try:
        result = group.main(list(args), prog_name=prog_name or group.name, standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _usage(error, options)
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except (BrokenPipeError, SystemExit) as error:
        # Where nobody reads, click exits by itself, and leaves streams of its own behind.
        wrapped = (sys.stdout, sys.stderr) != streams
        sys.stdout, sys.stderr = streams
        gone = wrapped or isinstance(error, BrokenPipeError)
        return _nobody_reads() if gone else _failure(exited(), options)
    except Exception as error:  # noqa: BLE001  # the one place where everything ends
        return _failure(disk_full(error) or error, options)
    return int(result) if isinstance(result, int) else 0


def _nobody_reads() -> int:
    """Whoever read our output has gone; exiting stays quiet too."""
    _discard_output()
    return 128 + signal.SIGPIPE


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exited() -> Exception:
    """Return what to say of a connector that wants to end the process."""
    from rivven_connect._errors import PipelineError  # noqa: PLC0415  # only on failure

    # What it said is left out: it would be shown unmasked.
    return PipelineError("a connector called sys.exit; it should raise ConnectorError instead")


def disk_full(error: Exception) -> Exception | None:
    """Return what to say where our own output does not fit any more, and None for other errors."""
    if not (isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}):
        return None
    from rivven_connect._errors import StateStoreError  # noqa: PLC0415  # only on failure

    _discard_output()
    return StateStoreError("the output cannot be written: the disk is full")


def _options(args: Sequence[str]) -> frozenset[str]:
    """Return the flags that say how errors are shown; they must work even if parsing failed."""
    own = list(args)[: list(args).index("--")] if "--" in args else args
    found = {flag for flag in ("--json", "--debug") if flag in own}
    return frozenset(found | ({"--debug"} if os.environ.get("RIVVEN_DEBUG") == "1" else set()))


def _usage(error: click.ClickException, options: frozenset[str]) -> int:
    if "--json" in options:
        _print_json({"code": "usage", "message": error.format_message(), "exit_code": 2})
    else:
        error.show()
    return 2


def describe(error: Exception) -> dict[str, Any]:
    """Return what is said of an error, as `--json` prints it, with known secrets masked."""
    from rivven_connect._errors import ExitCode, InputError, RivvenError  # noqa: PLC0415  # only now
    from rivven_connect._redaction import redact  # noqa: PLC0415

    expected = isinstance(error, RivvenError)
    code = error.exit_code if isinstance(error, RivvenError) else ExitCode.BUG
    if isinstance(error, InputError):
        error = _masked(error)
    problems = error.problems if isinstance(error, InputError) else ()
    return {
        "code": type(error).__name__,
        "message": redact(str(error)) if expected else _bug(error),
        "exit_code": int(code),
        "problems": [problem.to_dict() for problem in problems],
    }


def is_unforeseen(error: Exception) -> bool:
    """Whether its frames help: a bug of ours, or of the connector's author."""
    from rivven_connect._errors import RivvenError  # noqa: PLC0415  # only on failure

    return not isinstance(error, RivvenError) or _is_builtin(error.__cause__)


def _failure(error: Exception, options: frozenset[str]) -> int:
    from rivven_connect._errors import InputError, RivvenError  # noqa: PLC0415  # only on failure
    from rivven_connect._problems import escape_lines  # noqa: PLC0415

    described = describe(error)
    if "--json" in options:
        _print_json(described)
    elif isinstance(error, InputError):
        click.echo(described["message"], err=True)
    else:
        # Further lines may be those of others: at the margin, they could pass for ours.
        shown = re.sub(r"\n(?=\S)", "\n  ", escape_lines(described["message"]))
        click.echo(f"error: {shown}" if isinstance(error, RivvenError) else shown, err=True)
    if "--debug" in options:
        print_frames(error)
    elif is_unforeseen(error):
        click.echo("Set RIVVEN_DEBUG=1 and run it again to see where.", err=True)
    code: int = described["exit_code"]
    return code


def _masked(error: InputError) -> InputError:
    """Return the error without secrets; masked before its texts are cut to what fits on a line."""
    import dataclasses  # noqa: PLC0415  # only on failure

    from rivven_connect._errors import InputError  # noqa: PLC0415
    from rivven_connect._redaction import redact  # noqa: PLC0415

    masked = InputError(
        [
            dataclasses.replace(
                one,
                message=redact(one.message),
                hint=redact(one.hint),
                path=redact(str(one.path)),
                pointer=redact(one.pointer),
            )
            for one in error.problems
        ]
    )
    masked.__cause__, masked.__context__ = error.__cause__, error.__context__
    masked.__suppress_context__ = error.__suppress_context__
    return masked.with_traceback(error.__traceback__)


def _is_builtin(cause: BaseException | None) -> bool:
    """Whether an author's code raised what it did not mean to: a KeyError, say."""
    return (
        isinstance(cause, Exception)
        and type(cause).__module__ == "builtins"
        and not isinstance(cause, OSError)
    )


def _bug(error: Exception) -> str:
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    place = ""
    if frames is not None:
        file = frames.tb_frame.f_code.co_filename
        place = f" in {os.path.basename(file)}:{frames.tb_lineno}"  # pathlib stays unloaded
    # The message is left out: an unforeseen exception may quote a value.
    return f"internal error: {type(error).__name__}{place}. This is a bug in Rivven."


def print_frames(error: BaseException) -> None:
    """Print the frames of an exception and of its causes: secrets masked, no local variables."""
    import traceback  # noqa: PLC0415  # only for people who asked

    from rivven_connect._problems import escape_lines  # noqa: PLC0415
    from rivven_connect._redaction import redact  # noqa: PLC0415

    text = "".join(traceback.format_exception(error, chain=True))
    click.echo(escape_lines(redact(text)), err=True)


def _print_json(error: dict[str, object]) -> None:
    import json  # noqa: PLC0415  # only on failure

    click.echo(json.dumps({"error": error}), err=True)
