"""What a command itself fails with, beyond refusals and configuration faults: code, sentence and
advice for `gateway explain` and docs/reference/refusals.md.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMAND_CODES", "CommandCode"]


class CommandCode(NamedTuple):
    """One row."""

    sentence: str
    advice: str


COMMAND_CODES = {
    "NOT_RUNNING": CommandCode(
        "No gateway or observer answers where the command looked.",
        "Start it with `gateway run FILE`, or name another one with `--config` or `--url`.",
    ),
    "BAD_URL": CommandCode(
        "The address of the gateway is not one the command can use.",
        "Write `http://127.0.0.1:PORT` or `https://HOST:PORT`.",
    ),
    "BAD_RUN_FILE": CommandCode(
        "The file run.json in the ring directory is not what a gateway writes.",
        "Remove it and start the gateway again; it writes the file anew.",
    ),
    "KEY_MISSING": CommandCode(
        "The file with the command's API key does not exist.",
        "Name it with `--key-file`; the gateway makes `cli.key` at its first start.",
    ),
    "KEY_UNREADABLE": CommandCode(
        "The file with the command's API key may not be read.",
        "Run the command as the user that owns the file.",
    ),
    "KEY_BAD": CommandCode(
        "The file does not hold one `KEYID.SECRET`.",
        "Write the key as one line, or name another file with `--key-file`.",
    ),
    "BAD_ANSWER": CommandCode(
        "What answered at the address is no gateway, or not one of this version.",
        "Compare the address with the one in run.json and the versions of both programs.",
    ),
    "NO_ANSWER": CommandCode(
        "The gateway was reached and did not answer in time.",
        "Look with `gateway status`; the text says what became of the port.",
    ),
    "BAD_JOURNAL": CommandCode(
        "The journal cannot be read up to where it should go.",
        "`gateway verify DIRECTORY` names segment, offset and sequence of every fault.",
    ),
    "NOT_REBUILT": CommandCode(
        "The superblock was not rebuilt.",
        "The text says why: a gateway holds the directory, it is whole, or no segment can be read.",
    ),
    "BAD_NAME": CommandCode(
        "The name cannot be that of an adapter.",
        "2 to 31 lower-case letters and digits, a letter first: it becomes a part of a module.",
    ),
    "BAD_MAP": CommandCode(
        "The instrument map is not what `gateway holdings` reads.",
        "Write it as the shipped conf/instrument_map.toml is written; its comments say how.",
    ),
    "NOT_TIED": CommandCode(
        "The day's records and the ledger do not add up to the same, so nothing is stated.",
        "`gateway ledger unbooked` and `gateway verify` name records that are not in the books.",
    ),
    "TAMPERED": CommandCode(
        "An audit export is not what was written: a line was changed, moved, added or is missing.",
        "Take the export from the journal anew and keep this file as evidence.",
    ),
    "BAD_TARGET": CommandCode(
        "The file to write cannot be made.",
        "Name a new file in a directory that you may write; nothing is ever overwritten.",
    ),
    "NO_FIGURE": CommandCode(
        "The two files of bench runs have no figure in common that could be compared.",
        "Write one JSON line per run of the same bench into each file, or name a figure they have.",
    ),
    "TOO_FEW_RUNS": CommandCode(
        "So few runs could not show a slowdown with the promised certainty.",
        "Repeat both builds alternately until each file has the number of runs the text names.",
    ),
    "BAD_FILE": CommandCode(
        "A file the command was given is not of the kind it reads, or cut short.",
        "The text says what is wrong with which line or byte.",
    ),
    "NOT_CONFIRMED": CommandCode(
        "A command that destroys or sends was not confirmed.",
        "Answer `y` on a terminal, or add `--yes` when you mean it.",
    ),
    "INTERNAL": CommandCode(
        "The gateway met a fault of its own while it answered.",
        "Nothing is known of the request's outcome: ask by client order id. The log names the "
        "cause under the same `request_id`.",
    ),
}
