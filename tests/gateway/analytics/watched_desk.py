"""A desk on the native engine under the eye of a risk watch: the watch reads the journal, its
commands go where the live API would take them, and what is refused there fails here too."""

from pathlib import Path

from gateway.analytics.risk_watch import RiskWatch
from gateway.commands.output import CommandFailure
from gateway.commands.risk_watch_run import input_of, send_all
from gateway.config.limits import LEVELS
from gateway.journal import JournalPlace
from gateway.journal.newest import JournalRows
from gateway.valuation.brackets import Brackets, Schedule, Step
from gateway.valuation.margin import MarkPrice
from gateway.valuation.option_terms import OptionSettings

FLAT = Schedule(
    source="this test",
    date="",
    steps=[Step(leverage_max=10, maintenance_rate="0.05")],
)
BRACKETS = Brackets(schedules={"flat": FLAT}, instruments={"BTC-PERP": "flat"})
STATES = {"active": 0, "reducing": 1, "halted": 2}


class WatchedDesk:
    """`turn` is one look of the watch at the newest records."""

    def __init__(self, world, policy, options=None):
        self.world, self.policy = world, policy
        self.options = options or OptionSettings()
        self.watch = RiskWatch(policy)
        self.rows = JournalRows(JournalPlace(Path(world.journal), Path(world.ring)))
        self.marks, self.notes, self.sent, self.told = {}, [], [], []
        self.is_down = False
        self.between = lambda: None  # what others do between a look and its commands

    def restart(self, memory=None):
        """Another watch; `memory` is what the one before remembered."""
        self.watch = RiskWatch(self.policy)
        if memory is not None:
            self.watch.restore(memory, self.world.engine.limits())

    def mark(self, price, instrument="BTC-PERP"):
        self.marks[instrument] = MarkPrice(price, 0)
        ids = {row["name"]: row["id"] for row in self.world.engine.registry("instrument")}
        self.world.mark(price, instrument=ids[instrument])

    def turn(self):
        now_ns = self.world.engine.now_ns()
        given = input_of(
            self.rows.newest(), self.marks, now_ns, BRACKETS, self.options, self.policy
        )
        step = self.watch.step(given)
        self.between()
        send_all(self.watch, step.commands, self.send, self.told.append)
        self.world.turn()
        return step

    def send(self, command):
        if self.is_down:
            raise CommandFailure(3, "NOT_RUNNING", "nothing answers")
        self.sent.append(command)
        body, engine = command.body, self.world.engine
        if command.path == "/v1/notes":
            self.notes.append(body["subject"])
            return
        level = LEVELS.index(body["level"])
        names = {} if body["level"] == "firm" else {
            row["name"]: row["id"] for row in engine.registry(body["level"])
        }  # fmt: skip
        number = names.get(body["name"], 0)
        if command.path == "/v1/measures":
            engine.tell_measures(level, number, dict(body["fields"]), body["actor"])
        else:
            words = (body["actor"], body["reason"], True, body["if_actor"])
            try:
                engine.set_trading_state(level, number, STATES[body["state"]], False, *words)
            except ValueError as error:
                raise CommandFailure(1, str(error).split()[0], str(error)) from None

    def state(self, level="account", name="main"):
        for row in self.world.engine.trading_states():
            if (row["level"], row["name"]) == (level, name):
                return row["state"]
        return "active"


def long_desk(world, policy):
    """Long ten contracts at 100 on a balance of 200: called at 84.25, closed by force at 84.21."""
    world.fact("balance", world.account, world.usd, "200", 1, "start")
    world.fill(0, "10", "100", instrument=world.perpetual, venue_order="a")
    made = WatchedDesk(world, policy)
    made.mark("100")
    return made
