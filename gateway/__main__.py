"""The command line. Each command is one module of gateway.commands, imported when it is typed."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from typing import Any

import click

from gateway import __version__
from gateway.commands.output import usage_failure

__all__ = ["COMMANDS", "main", "root"]

# Name -> module below gateway.commands and its one line in the overview.
COMMANDS = {
    "run": ("run", "Start the gateway."),
    "observe": ("observe", "Start the observer beside a gateway."),
    "check": ("check", "Check a configuration completely."),
    "config": ("config", "Show resolved settings and where they come from."),
    "doctor": ("doctor", "Check this machine for what the gateway needs."),
    "status": ("status", "What the running gateway is doing."),
    "stages": ("stages", "Latency of every stage, depth of every queue, the bottleneck."),
    "submit": ("submit", "Send one order."),
    "submit-linked": ("submit_linked", "Send orders that live and end together."),
    "cancel": ("cancel", "Cancel one order, or many."),
    "orders": ("orders", "List orders."),
    "positions": ("positions", "List positions."),
    "watch": ("watch", "Follow orders, fills or positions live."),
    "kill": ("kill", "Halt trading at one level and cancel its orders."),
    "enable": ("enable", "Lift a halt, by name and with a reason."),
    "limits": ("limits", "Show or change the limits of the risk gate."),
    "breaks": ("breaks", "Differences between the journal and the venues."),
    "reconcile": ("reconcile", "Compare everything with a venue now."),
    "restart-adapter": ("restart_adapter", "Hand a venue over to a new adapter process."),
    "fix-sessions": ("fix_sessions", "FIX counterparties: list, add, disable, reset."),
    "plugins": ("plugins", "List installed plugins."),
    "new-adapter": ("new_adapter", "Write a new adapter that passes the conformance kit."),
    "replay": ("replay", "Rebuild the state from a journal and tell its hash."),
    "verify": ("verify", "Check the integrity of a journal."),
    "journal": ("journal", "Read a journal without a daemon."),
    "audit": ("audit", "Who did what, when and why: the audit trail of a journal."),
    "statement": ("statement", "The end-of-day statement of a journal, tied to its ledger."),
    "holdings": ("holdings", "What the desk holds, across venues and instruments."),
    "ledger": ("ledger", "The balanced books of a journal: lots, their ageing, disposals."),
    "history": ("history", "The past of a journal as Parquet files, and questions to it."),
    "at": ("at", "The whole state behind any record of a journal."),
    "diff": ("diff", "What changed between two records of a journal."),
    "why": ("why", "Why an order, a position or a balance is as it is."),
    "whatif": ("whatif", "The same day under another assumption, decided again."),
    "greeks": ("greeks", "What positions move like: greeks, shocks, decay, expiries."),
    "linked": ("linked", "Groups of linked orders: profit, greeks, what stands alone."),
    "legs": ("legs", "Orders of several instruments or venues as one spread."),
    "margin": ("margin", "Margin, headroom and liquidation prices from a journal and marks."),
    "risk-watch": ("risk_watch", "Watch margin and greeks, and keep the risk gate told."),
    "bench": ("bench", "Measure one part of the gateway on this machine."),
    "compare": ("compare", "Compare repeated bench runs; fail on a slowdown."),
    "latency": ("latency", "Measure round trips to the running gateway."),
    "explain": ("explain", "Explain a refusal or a configuration fault."),
}


_IS_JSON = "gateway.is_json_asked"


class LazyGroup(click.Group):
    """A group that imports a command when it is used, so that --help stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gateway.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_IS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """A wrong word is an error like any other for whoever asked for JSON."""
        is_json = ctx.meta[_IS_JSON]
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if not is_json:
                raise
            raise usage_failure(error) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else " See `gateway --help`."
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway")
def root() -> None:
    """One daemon through which every order of a trading desk leaves and every fill comes back.

    Exit codes: 0 ok, 1 failed, 2 usage, 3 not running, 4 refused.

    \b
    Example:
      gateway check conf/gateway.toml
      gateway run conf/gateway.toml
    """


def main() -> None:
    """Entry point of the `gateway` command. Who reads our output may go: that is no fault."""
    try:
        sys.exit(root(prog_name="gateway"))
    except BrokenPipeError:
        # What is still buffered is written at the end of the program.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
