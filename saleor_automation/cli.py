"""The command ``saleor-automation``.

Knows arguments and exit codes: 0 done, 1 a check or the demo found a problem,
2 a person must change something (told what on stderr, never a traceback). Imports
nothing but the standard library at the top, since the base install has no more.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from saleor_automation import __version__
from saleor_automation.exceptions import UsageError

COMMANDS = (
    "demo",
    "up",
    "web",
    "worker",
    "check",
    "reconcile",
    "backfill",
    "verify",
    "export-person",
    "import-people",
    "suppressions",
    "unsubscribe-mail",
    "manage",
)
NEED_STUDIO = (
    'This command needs the Studio, of which "{module}" is missing. Install it with: '
    'pip install "saleor-automation[studio]"'
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["manage"]:
        # Everything after it belongs to Django, --help included.
        return _answer(lambda: manage(given[1:]))
    parser = _parser()
    if given and not given[0].startswith("-") and given[0] not in COMMANDS:
        parser.error(f"There is no command {given[0]!r}. Commands: {', '.join(COMMANDS)}.")
    options = parser.parse_args(given)
    if options.run is None:
        parser.print_help()
        return 0
    return _answer(lambda: options.run(options))


def _answer(command: Callable[[], int]) -> int:
    try:
        return command()
    except UsageError as error:
        print(f"saleor-automation: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module in {"saleor_automation", ""}:
            raise
        print(f"saleor-automation: {NEED_STUDIO.format(module=module)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="saleor-automation",
        description="E-mail automation for a Saleor shop.",
        epilog="Settings come from the environment: DATABASE_URL, REDIS_URL, EMAIL_URL, "
        "SALEOR_AUTOMATION_PUBLIC_URL, SALEOR_AUTOMATION_SALEOR_API_URL. "
        "Nothing is needed to start: try `saleor-automation demo`.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="")

    demo_command = commands.add_parser(
        "demo", help="play 35 days of a small shop and show who got which mail and why"
    )
    demo_command.add_argument(
        "--once", action="store_true", help="play as fast as possible, print the table, end"
    )
    demo_command.add_argument(
        "--speed",
        type=_speed,
        metavar="HOURS",
        help="hours of the shop per real second (default 12; with --once no waiting at all)",
    )
    _serving(demo_command, workers=False)
    demo_command.set_defaults(run=demo)

    up_command = commands.add_parser(
        "up", help="prepare the database, then run web and worker together"
    )
    _serving(up_command)
    up_command.set_defaults(run=up)

    web_command = commands.add_parser("web", help="run the web server only")
    _serving(web_command)
    web_command.set_defaults(run=web)

    worker_command = commands.add_parser("worker", help="run the worker only")
    _state(worker_command)
    worker_command.set_defaults(run=worker)

    check_command = commands.add_parser(
        "check", help="say what is set up, what is not, and what to do"
    )
    _state(check_command)
    check_command.set_defaults(run=check)

    reconcile_command = commands.add_parser(
        "reconcile", help="find in Saleor what no webhook told, as the worker does every hour"
    )
    _looking(reconcile_command, "look back to DATE, further than the last time reached")
    reconcile_command.set_defaults(run=reconcile)

    backfill_command = commands.add_parser(
        "backfill", help="bring in the history from before the app was installed; starts nothing"
    )
    _looking(backfill_command, "from DATE on (default: all there is)")
    backfill_command.set_defaults(run=backfill)

    verify_command = commands.add_parser(
        "verify", help="say of each address in a CSV file whether mail will arrive; mails nobody"
    )
    verify_command.add_argument("file", metavar="FILE.csv", help="UTF-8, columns named in line 1")
    verify_command.add_argument(
        "--column", default="", help="name of the column with the address (default: email)"
    )
    verify_command.add_argument(
        "--output", default="", metavar="OUT.csv", help="default: FILE.verified.csv beside it"
    )
    verify_command.add_argument(
        "--no-dns", action="store_true", help="judge by form and lists alone; ask no name server"
    )
    _state(verify_command)
    verify_command.set_defaults(run=verify)

    export_command = commands.add_parser(
        "export-person", help="write everything kept of one person, for that person"
    )
    export_command.add_argument("address", metavar="ADDRESS", help="one of their email addresses")
    export_command.add_argument(
        "--output", default="", metavar="FILE", help="default: standard output"
    )
    export_command.add_argument(
        "--html", action="store_true", help="a page to read instead of JSON"
    )
    _state(export_command)
    export_command.set_defaults(run=export_person)

    import_command = commands.add_parser(
        "import-people", help="bring in the people of a CSV or Excel file; starts nothing"
    )
    what = import_command.add_mutually_exclusive_group(required=True)
    what.add_argument("file", nargs="?", metavar="FILE", help=".csv or .xlsx")
    what.add_argument("--undo", type=int, metavar="NUMBER", help="take an import back")
    import_command.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=MEANING",
        help="what a column is, where it is not guessed: email, first_name, last_name, name, "
        "language, country, tags, agreed, agreed_at, trait, trait:NAME:KIND; nothing leaves it out",
    )
    import_command.add_argument(
        "--basis",
        choices=("none", "opt_in", "double_opt_in", "soft_opt_in"),
        default="",
        help="how these people agreed to marketing mail; none: profiles only",
    )
    import_command.add_argument("--where", default="", help="where they agreed")
    import_command.add_argument("--when", default="", metavar="DATE", help="when they agreed")
    import_command.add_argument("--wording", default="", help="the words they agreed to")
    import_command.add_argument(
        "--channel", default="", metavar="SLUG", help="for this sales channel only"
    )
    import_command.add_argument(
        "--keep-undeliverable", action="store_true", help="also addresses no mail will reach"
    )
    import_command.add_argument("--language", default="", help="for people without one: en")
    import_command.add_argument(
        "--tag", action="append", default=[], help="put on everybody; may be given often"
    )
    import_command.add_argument(
        "--dry-run", action="store_true", help="say what would happen; change nothing"
    )
    _state(import_command)
    import_command.set_defaults(run=import_people)
    _suppressions(commands)

    mail_command = commands.add_parser(
        "unsubscribe-mail",
        help="unsubscribe whoever a mail sent to the unsubscribe mailbox is from: "
        "unsubscribe-mail < MAIL",
    )
    mail_command.add_argument(
        "--mbox", default="", metavar="FILE", help="read every mail of a file in mbox form"
    )
    _state(mail_command)
    mail_command.set_defaults(run=unsubscribe_mail)

    commands.add_parser("manage", help="Django's own commands: manage migrate, manage shell ...")
    return parser


def _suppressions(commands: Any) -> None:
    parser = commands.add_parser(
        "suppressions", help="bring in, or save, the addresses that must not be written to"
    )
    parser.set_defaults(run=lambda options: parser.print_help() or 0)
    actions = parser.add_subparsers(title="what to do", metavar="")
    saving = actions.add_parser("export", help="save them as CSV: keyed digests, no addresses")
    saving.add_argument("file", metavar="FILE.csv", nargs="?", default="", help="default: stdout")
    bringing = actions.add_parser("import", help="bring in addresses or digests from CSV")
    bringing.add_argument("file", metavar="FILE.csv", help="UTF-8, columns named in line 1")
    bringing.add_argument(
        "--dry-run", action="store_true", help="look at every line, change nothing"
    )
    bringing.add_argument(
        "--reason",
        default="manual",
        choices=("manual", "unsubscribed", "hard_bounce", "complaint"),
        help="of lines that name none (default: manual)",
    )
    for action in (saving, bringing):
        _state(action)
        action.set_defaults(run=suppressions, action=action.prog.split()[-1])


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours above 0")
    return value


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 64")
    return int(text)


def _date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a date such as 2026-01-01 or 2026-01-01T09:00"
        ) from None


def _looking(parser: argparse.ArgumentParser, since: str) -> None:
    parser.add_argument("--since", type=_date, metavar="DATE", help=since)
    _state(parser)


def _state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state-dir",
        metavar="FOLDER",
        help="folder for database, journals and uploads (default ./saleor-automation-data)",
    )


def _serving(parser: argparse.ArgumentParser, *, workers: bool = True) -> None:
    _state(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--port", type=int, help="port to listen on (default 8080; 0 takes any free one)"
    )
    if workers:
        parser.add_argument(
            "--web-workers", type=_count, default=2, help="web processes (default 2)"
        )


def _choose_state(options: argparse.Namespace) -> None:
    if getattr(options, "state_dir", None):
        os.environ["SALEOR_AUTOMATION_STATE_DIR"] = os.path.abspath(options.state_dir)


def _prepare(options: argparse.Namespace) -> None:
    """Point Django at the project, with the folder asked for, and load it."""
    _choose_state(options)
    from saleor_automation.project.loading import load_django

    load_django()


def manage(arguments: Sequence[str]) -> int:
    """Run one of Django's own commands."""
    arguments = _take_state(list(arguments))
    from saleor_automation.project.loading import load_django

    load_django()
    from django.core.management import execute_from_command_line

    execute_from_command_line(["saleor-automation manage", *arguments])
    return 0


def _take_state(arguments: list[str]) -> list[str]:
    """Return what is left for Django without ``--state-dir FOLDER``, which is heeded."""
    parser = argparse.ArgumentParser(prog="saleor-automation manage", add_help=False)
    _state(parser)
    for place, argument in enumerate(arguments):
        length = {"--state-dir": 2}.get(argument, 1 if argument.startswith("--state-dir=") else 0)
        if length:
            options = parser.parse_args(arguments[place : place + length])
            _choose_state(options)
            return arguments[:place] + arguments[place + length :]
    return arguments


def web(options: argparse.Namespace) -> int:
    """Run the web server."""
    from saleor_automation.project.processes import die_with_supervisor

    supervised = die_with_supervisor()
    _prepare(options)
    from saleor_automation.project import web as server

    port = _port(options)
    if not supervised:
        from saleor_automation.project.install import database_ready, queue_reachable

        # A supervised one starts again until the port and the database are there.
        server.port_check(options.host, port)
        database_ready()
        queue_reachable()
    server.serve(host=options.host, port=port, workers=options.web_workers)
    return 0


def worker(options: argparse.Namespace) -> int:
    """Run the worker."""
    from saleor_automation.project.processes import die_with_supervisor

    supervised = die_with_supervisor()
    _prepare(options)
    from saleor_automation.project import worker as running

    if not supervised:
        from saleor_automation.project.install import database_ready, queue_reachable

        database_ready()
        queue_reachable()
    return running.run()


def up(options: argparse.Namespace) -> int:
    """Prepare the database and run web and worker together."""
    port = _port(options)
    from saleor_automation.project.web import address_of

    if not os.environ.get("SALEOR_AUTOMATION_PUBLIC_URL"):
        os.environ["SALEOR_AUTOMATION_PUBLIC_URL"] = address_of(options.host, port)
    _prepare(options)
    from saleor_automation.project import up as running

    return running.run(host=options.host, port=port, web_workers=options.web_workers)


def check(options: argparse.Namespace) -> int:
    """Say what is set up and what is not."""
    os.environ["SALEOR_AUTOMATION_LOOK_ONLY"] = "1"
    _prepare(options)
    from saleor_automation.project.check import run

    return run()


def reconcile(options: argparse.Namespace) -> int:
    """Find what no webhook told."""
    _prepare(options)
    from saleor_automation.project.reconcile import run

    return run(source="poll", since=options.since)


def backfill(options: argparse.Namespace) -> int:
    """Bring in history."""
    _prepare(options)
    from saleor_automation.project.reconcile import run

    return run(source="backfill", since=options.since)


def suppressions(options: argparse.Namespace) -> int:
    """Save or bring in what must not be written to."""
    _prepare(options)
    from saleor_automation.project import suppressions as running

    if options.action == "export":
        return running.export(file=options.file)
    return running.bring(file=options.file, reason=options.reason, dry_run=options.dry_run)


def unsubscribe_mail(options: argparse.Namespace) -> int:
    """Unsubscribe by mail."""
    _prepare(options)
    from saleor_automation.project.unsubscribe_mail import run

    return run(mbox=options.mbox)


def verify(options: argparse.Namespace) -> int:
    """Judge the addresses of a file."""
    _prepare(options)
    from saleor_automation.project.verify import run

    return run(
        file=options.file,
        column=options.column,
        output=options.output,
        dns=False if options.no_dns else None,
    )


def export_person(options: argparse.Namespace) -> int:
    """Write one person's data."""
    _prepare(options)
    from saleor_automation.project.people_out import run

    return run(address=options.address, output=options.output, html=options.html)


def import_people(options: argparse.Namespace) -> int:
    """Bring in the people of a file, or take an import back."""
    _prepare(options)
    from saleor_automation.project import people_in

    if options.undo is not None:
        return people_in.undo(number=options.undo)
    return people_in.run(
        file=options.file,
        columns=options.column,
        basis=options.basis,
        where=options.where,
        when=options.when,
        wording=options.wording,
        channel=options.channel,
        language=options.language,
        tags=options.tag,
        keep_undeliverable=options.keep_undeliverable,
        dry_run=options.dry_run,
    )


def demo(options: argparse.Namespace) -> int:
    """Play the demo."""
    from saleor_automation.demo import run

    if options.once and options.port is None:
        options.port = 0
    return run.run(
        host=options.host,
        port=_port(options),
        folder=options.state_dir,
        once=options.once,
        speed=options.speed or (None if options.once else 12.0),
    )


def _port(options: argparse.Namespace) -> int:
    from saleor_automation.project.web import free_port

    port = 8080 if options.port is None else int(options.port)
    return port or free_port()


if __name__ == "__main__":
    raise SystemExit(main())
