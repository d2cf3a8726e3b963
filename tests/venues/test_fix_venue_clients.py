"""The simulated FIX venue, judged by clients that were not written here: an unmodified QuickFIX
engine with its own dictionary, and a raw client of simplefix."""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path

import pytest
import simplefix
from fix_desk import simulated
from fix_simulator.voices import GENERIC, QUICKFIX50

pytestmark = pytest.mark.asyncio
PATIENCE_SECONDS = 90


@pytest.mark.skipif(
    importlib.util.find_spec("quickfix") is None, reason="no wheel of quickfix-py here"
)
@pytest.mark.parametrize(
    "voice", [GENERIC, pytest.param(QUICKFIX50, marks=pytest.mark.slow)], ids=["4.4", "5.0SP2"]
)
async def test_an_unmodified_quickfix_trades_on_it(voice, tmp_path):
    async with simulated(voice) as simulator:
        program = Path(__file__).parent / "quickfix_trader.py"
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(program),
            str(simulator.port),
            str(tmp_path),
            voice.begin_string,
            stdin=pipe,
            stdout=pipe,
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await process.stdout.readline() == b"away\n"
                simulator.venue.trade("BTC-PERP", "47000", "5", "sell")
                process.stdin.write(b"now\n")
                told = json.loads(await process.stdout.readline())
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
    assert told["rejects"] == [], "its dictionary refused a message of the venue"
    assert (told["accepted"]["39"], float(told["accepted"]["151"])) == ("0", 0.2)
    assert told["replaced"]["41"] == "a1" and float(told["replaced"]["38"]) == 0.4
    assert told["replaced"]["37"] == told["accepted"]["37"] == told["status"]["37"]
    assert (told["canceled"]["11"], told["canceled"]["41"]) == ("a3", "a2")
    filled = told["filled"]
    assert (filled["39"], float(filled["32"]), float(filled["151"])) == ("2", 0.2, 0)
    assert float(filled["12"]) > 0 and filled["479"] == "USD"
    assert told["cancel_rejected"]["434"] == "1" and told["cancel_rejected"]["102"] == "0"
    assert told["duplicate"]["103"] == "6"
    assert told["mass_status"]["912"] == "Y" and told["mass_status"]["11"] == "c1"
    assert float(told["position"]["704"]) == 0.2
    assert told["missed"]["43"] == "Y" and told["missed"]["122"]


async def test_a_raw_client_of_simplefix_trades_on_it():
    async with simulated() as simulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        parser = simplefix.FixParser()
        numbers = iter(range(1, 100))

        def send(kind, *fields):
            message = simplefix.FixMessage()
            for tag, value in ((8, "FIX.4.4"), (35, kind), (49, "DESK"), (56, "VENUE")):
                message.append_pair(tag, value, header=True)
            message.append_pair(34, next(numbers), header=True)
            message.append_utc_timestamp(52, header=True)
            for tag, value in fields:
                message.append_pair(tag, value)
            writer.write(message.encode())

        async def heard():
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (message := parser.get_message()) is None:
                    parser.append_buffer(await reader.read(65_536))
                return message

        send("A", (98, 0), (108, 30), (553, "main-key"), (554, "main-password"))
        assert (await heard()).get(35) == b"A"
        order = ((11, "s1"), (21, 1), (55, "BTC-USD"), (54, 1), (60, "20261121-10:00:00"))
        send("D", *order, (38, "0.5"), (40, 2), (44, "50001"), (59, 3))
        accepted, filled = await heard(), await heard()
        assert [accepted.get(150), filled.get(150)] == [b"0", b"F"]
        assert (filled.get(39), float(filled.get(32))) == (b"2", 0.5)
        send("5")
        assert (await heard()).get(35) == b"5"
        writer.close()
        await writer.wait_closed()
