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
    "WATCH_BUSY": CommandCode(
        "Another risk watch that acts holds the memory file.",
        "End it, or give this one its own `--memory` and a policy with an actor of its own.",
    ),
    "MISSING_EXTRA": CommandCode(
        "The past is read with packages that are not installed.",
        "Install them: `pip install 'exchange-gateway[history]'`.",
    ),
    "DAMAGED_SEGMENT": CommandCode(
        "A sealed segment of the journal is not what its seal says; nothing behind it is archived.",
        "`gateway verify DIRECTORY` names the place; put the segment back from a copy.",
    ),
    "FOREIGN_ARCHIVE": CommandCode(
        "The archive was made from another journal than this one.",
        "Name the right directory with `--archive`, or a new one.",
    ),
    "MISSING_SEGMENT": CommandCode(
        "A sealed segment between the archive and the next one is not there.",
        "Put the missing segment back from a copy: an archive begins at the first record.",
    ),
    "BAD_MANIFEST": CommandCode(
        "A manifest of the archive is not what this build writes.",
        "Restore the archive from a copy, or build a new one with `--archive`.",
    ),
    "FOREIGN_SINK": CommandCode(
        "The sink holds rows of another journal than this one.",
        "Name the right directory, or let another place be filled.",
    ),
    "SINK_SCHEMA": CommandCode(
        "The tables in the sink were laid out by another version.",
        "Fill a new place from the first record; the text names both versions.",
    ),
    "SINK_REFUSED": CommandCode(
        "The sink does not take what it was given, now or later.",
        "The text is the sink's own; two runs into one place refuse each other.",
    ),
    "SINK_UNAVAILABLE": CommandCode(
        "The sink cannot be reached, or went away and did not come back.",
        "Look at the server; the same command goes on where this one was.",
    ),
    "ARCHIVE_BUSY": CommandCode(
        "Another program is changing the archive: only one does at a time.",
        "Wait for its end; the observer builds and prunes now and then when its settings say so.",
    ),
    "BAD_ARCHIVE": CommandCode(
        "A file of the archive is lost, or not what was written.",
        "Put it back from a copy, or move the archive away and build it anew.",
    ),
    "AMOUNT_TOO_LARGE": CommandCode(
        "The journal holds an amount of 10^20 or more, which no column of history takes.",
        "The error names the record; `gateway at` and `gateway audit` need no archive.",
    ),
    "AMBIGUOUS_ORDER": CommandCode(
        "Several orders have this client order id.",
        "Ask by order id: the error lists them with their principals.",
    ),
    "TAIL_TOO_LONG": CommandCode(
        "More records are not archived yet than a question may hold in memory.",
        "Run `gateway history build DIRECTORY` first.",
    ),
    "BAD_VALUE": CommandCode(
        "A value is not of the kind its field needs, or two exclude each other.",
        "The error names the field and what it takes.",
    ),
    "UNKNOWN_TABLE": CommandCode(
        "History has no table of this name, or the table has no keys to be asked by.",
        "The error lists the tables, or names the nearest.",
    ),
    "UNKNOWN_COLUMN": CommandCode(
        "The table has no column of this name.",
        "The error lists the columns, or names the nearest.",
    ),
    "UNKNOWN_POSITION": CommandCode(
        "No record ever made a position of this key.",
        "`gateway history as-of DIRECTORY positions` lists the keys.",
    ),
    "UNKNOWN_BALANCE": CommandCode(
        "No record ever moved a balance of this key.",
        "`gateway history as-of DIRECTORY balances` lists the keys.",
    ),
    "NOT_A_NUMBER": CommandCode(
        "The column holds no number and cannot be summed up.",
        "Name a price, a quantity, an amount or another number.",
    ),
    "OUT_OF_RANGE": CommandCode(
        "The moment lies outside of what is kept.",
        "The error names the oldest or the newest record; ask within it.",
    ),
    "BAD_SQL": CommandCode(
        "The statement cannot be understood or run.",
        "The error is DuckDB's own; one SELECT at a time.",
    ),
    "NOT_READING": CommandCode(
        "The statement does more than read.",
        "Start with SELECT: history is never written by SQL.",
    ),
    "NOT_ALLOWED": CommandCode(
        "The statement reads a file outside of the archive.",
        "Ask the tables of history; other files are closed to SQL.",
    ),
    "TOO_LONG": CommandCode(
        "The question took longer than it may.",
        "Ask for less, or for a narrower range.",
    ),
    "TOO_LARGE": CommandCode(
        "The question needs more memory than it may take, or its answer would be cut.",
        "Ask for less, or for a narrower range.",
    ),
    "BAD_JOURNAL": CommandCode(
        "The journal cannot be read up to where it should go.",
        "`gateway verify DIRECTORY` names segment, offset and sequence of every fault.",
    ),
    "JOURNAL_BEGINS_LATER": CommandCode(
        "Retention deleted the journal's first records, and what was asked for needs all of them.",
        "The text names them. `gateway history` has their rows while the archive keeps them, "
        "`gateway at` every state behind the oldest snapshot.",
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
    "BAD_LEG_NOTE": CommandCode(
        "A note begins as one that names legs and does not say which order is what.",
        "`gateway legs name` writes such notes; a note by `POST /v1/notes` has the same words.",
    ),
    "LEG_NUMBER": CommandCode(
        "The number of a leg is not one of its group, which has two to eight.",
        "Count the legs from 1; `gateway legs show` tells those of a group.",
    ),
    "LEG_COUNT": CommandCode(
        "The group has another number of legs.",
        "Name it as before, or take its orders out with `gateway legs release` first.",
    ),
    "LEG_RATIO": CommandCode(
        "A ratio is zero, or not that of the other orders of the leg.",
        "A ratio above zero is bought and one below it sold; all orders of a leg share one.",
    ),
    "LEG_ORDER_TAKEN": CommandCode(
        "The order is a leg already, of this group or another.",
        "An order counts in one place; `gateway legs release` takes it out there.",
    ),
    "LEG_ORDER_UNKNOWN": CommandCode(
        "The state of the journal has no such order, or the group has none.",
        "Compare the id with `gateway orders`; with `--ring-directory` the newest orders are seen.",
    ),
    "LEG_SIDE": CommandCode(
        "The order is on the other side than the ratio of its leg says.",
        "Bought legs have ratios above zero; what closes a leg is added with `--exit`.",
    ),
    "LEG_INSTRUMENT": CommandCode(
        "The order is of another instrument than its leg.",
        "Another instrument is another leg: name the group with one more.",
    ),
    "LEG_GROUP_UNKNOWN": CommandCode(
        "No note of the journal names a group like that.",
        "`gateway legs show` lists the groups; names are written exactly so.",
    ),
    "NOT_TIED": CommandCode(
        "The day's records and the ledger do not add up to the same, so nothing is stated.",
        "`gateway ledger unbooked` and `gateway verify` name records that are not in the books.",
    ),
    "EXPORT_TAMPERED": CommandCode(
        "An audit export is not what was written: a line was changed, moved, added or is missing.",
        "Take the export from the journal anew and keep this file as evidence.",
    ),
    "NOT_AN_EXPORT": CommandCode(
        "The file does not begin as an audit export does.",
        "Name a file that `gateway audit export` wrote.",
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
