"""Adapters that are wrong in one way each, as adapters in the field were: the kit must catch every
one. Each entry names the cases that are expected to fail."""

import asyncio
import contextlib
from decimal import Decimal

import msgspec
from gateway_paper import translate
from gateway_paper.adapter import PaperAdapter

from gateway.api import OutcomeUnknown, VenueError, VenueRejected, VenueUnavailable

PLANTED = {}


def planted(*cases):
    """Register a wrong adapter and the cases of which at least one must fail."""

    def register(kind):
        name = kind.__name__
        PLANTED[name] = (kind, cases)
        return kind

    return register


def changed(struct, **fields):
    return msgspec.structs.replace(struct, **fields)


class Sends(PaperAdapter):
    """Lets a bug change what is sent, or what becomes of a failure."""

    def change_body(self, body):
        return body

    async def _send(self, path, body, order_id, no, not_sent):
        return await super()._send(path, self.change_body(body), order_id, no, not_sent)


class Port:
    """A port between the adapter and the real one, that a bug may bend."""

    def __init__(self, port, bend):
        self._port, self._bend = port, bend

    def __getattr__(self, name):
        def call(*values, **named):
            bent = self._bend(name, values, named)
            if bent is not None:
                getattr(self._port, name)(*bent[0], **bent[1])

        return call


class Bends(PaperAdapter):
    """Lets a bug change or swallow what is told."""

    def bend(self, name, values, named):
        return values, named

    async def connect(self, port):
        self.real_port = port
        await super().connect(Port(port, self.bend))


class BendsFills(Bends):
    """Lets a bug change every fill of the stream."""

    def bend_fill(self, fill):
        return fill

    def bend(self, name, values, named):
        return ((self.bend_fill(values[0]),), named) if name == "filled" else (values, named)


# Outcomes.


@planted(502, 507, 522)
class ResendsAfterADoubt(PaperAdapter):
    """Sends again under a new name when the answer was lost."""

    async def _submit(self, order):
        before = self._rest.post

        async def post(path, body):
            try:
                return await before(path, body)
            except OutcomeUnknown:
                return await before(path, body | {"client_order_id": body["client_order_id"] + "x"})

        self._rest.post = post
        await super()._submit(order)


@planted(502, 503, 504)
class DoubtIsRejection(Bends):
    def bend(self, name, values, named):
        if name == "unknown":
            self.real_port.rejected(values[0], "timeout")
            return None
        return values, named


@planted(502, 503, 507)
class DoubtIsNotSent(Bends):
    def bend(self, name, values, named):
        if name == "unknown":
            self.real_port.not_sent(values[0], "timeout")
            return None
        return values, named


@planted(500, 506, 508)
class DoubtIsAcceptance(Bends):
    def bend(self, name, values, named):
        if name == "unknown":
            self.real_port.accepted(values[0], "P-none")
            return None
        return values, named


@planted(210)
class RejectionIsSwallowed(Bends):
    def bend(self, name, values, named):
        return None if name == "rejected" else (values, named)


@planted(210)
class RejectionWithoutAReason(Bends):
    def bend(self, name, values, named):
        return ((values[0], ""), named) if name == "rejected" else (values, named)


@planted(213)
class KnownNameIsRejection(PaperAdapter):
    async def _submit(self, order):
        try:
            await self._rest.post("/v1/orders", translate.order_body(order))
        except VenueRejected as error:
            self._port.tell("rejected", order.order_id, error.code)
            return
        self._port.tell("accepted", order.order_id, "P1")


@planted(200, 212)
class WrongVenueOrderId(Bends):
    def bend(self, name, values, named):
        return ((values[0], "P0"), named) if name == "accepted" else (values, named)


@planted(542, 543, 546)
class LostCancelIsCanceled(PaperAdapter):
    async def _cancel(self, cancel):
        body = {"account": cancel.account, "client_order_id": cancel.client_order_id}
        with contextlib.suppress(VenueError):
            await self._rest.post("/v1/orders/cancel", body)
        self._port.tell("canceled", cancel.order_id, "requested")


@planted(221, 222)
class FailedCancelIsCanceled(Bends):
    def bend(self, name, values, named):
        if name == "cancel_rejected":
            self.real_port.canceled(values[0], "requested")
            return None
        return values, named


@planted(221, 222)
class FailedCancelIsSwallowed(Bends):
    def bend(self, name, values, named):
        return None if name == "cancel_rejected" else (values, named)


@planted(560, 561, 566)
class LostReplaceIsReplaced(PaperAdapter):
    async def _replace(self, replace):
        body = {
            "account": replace.account,
            "client_order_id": replace.client_order_id,
            "quantity": replace.quantity,
            "price": replace.price,
        }
        venue_order_id = replace.venue_order_id
        try:
            await self._rest.post("/v1/orders/replace", body)
        except VenueRejected as error:
            self._port.tell("replace_rejected", replace.order_id, error.code)
            return
        except VenueError:
            venue_order_id = venue_order_id or "P1"
        self._port.tell(
            "replaced",
            replace.order_id,
            price=replace.price,
            quantity=replace.quantity,
            venue_order_id=venue_order_id,
        )


@planted(232)
class FailedReplaceIsSwallowed(Bends):
    def bend(self, name, values, named):
        return None if name == "replace_rejected" else (values, named)


@planted(231)
class ReplaceSendsTheDifference(Sends):
    def change_body(self, body):
        if set(body) != {"account", "client_order_id", "quantity", "price"}:
            return body
        return body | {"quantity": str(Decimal(body["quantity"]) / 2)}


# What is sent.


@planted(200)
class SidesAreSwapped(Sends):
    def change_body(self, body):
        if "side" in body:
            body["side"] = "sell" if body["side"] == "buy" else "buy"
        return body


@planted(200)
class PriceThroughAFloat(Sends):
    def change_body(self, body):
        if body.get("price") is not None and "side" in body:
            body["price"] = str(int(float(body["price"])) + 0.5)
        return body


@planted(208)
class PostOnlyIsForgotten(Sends):
    def change_body(self, body):
        return body | {"is_post_only": False} if "side" in body else body


@planted(209)
class ReduceOnlyIsForgotten(Sends):
    def change_body(self, body):
        return body | {"is_reduce_only": False} if "side" in body else body


@planted(204)
class ImmediateIsSentAsGoodTillCanceled(Sends):
    def change_body(self, body):
        return body | {"time_in_force": "gtc"} if body.get("time_in_force") == "ioc" else body


@planted(202, 203)
class TriggerIsForgotten(Sends):
    def change_body(self, body):
        if body.get("trigger_price") is None:
            return body
        return body | {"trigger_price": None, "type": "limit", "price": body["trigger_price"]}


@planted(254)
class LegsAreForgotten(Sends):
    def change_body(self, body):
        return body | {"leg": "long"} if body.get("leg") == "short" else body


# Fills.


@planted(250)
class FillSideIsAlwaysBuy(BendsFills):
    def bend_fill(self, fill):
        return changed(fill, side="buy")


@planted(250, 251)
class FeeSignIsTheVenues(BendsFills):
    def bend_fill(self, fill):
        return changed(fill, fee=str(-Decimal(fill.fee)))


@planted(250, 251)
class FeeIsLeftOut(BendsFills):
    def bend_fill(self, fill):
        return changed(fill, fee="0")


@planted(250)
class FillAtTheOrdersPrice(BendsFills):
    def bend_fill(self, fill):
        return changed(fill, price="50002.0")


@planted(252)
class FillQuantityIsCumulative(BendsFills):
    total = Decimal(0)

    def bend_fill(self, fill):
        self.total += Decimal(fill.quantity)
        return changed(fill, quantity=str(self.total))


@planted(250, 305)
class TradeIdIsMissing(BendsFills):
    def bend_fill(self, fill):
        return changed(fill, trade_id="")


@planted(252, 253)
class TradeIdIsTheOrders(BendsFills):
    def bend_fill(self, fill):
        return changed(fill, trade_id=fill.venue_order_id)


@planted(404, 582)
class TradeIdIsCounted(BendsFills):
    count = 0

    def bend_fill(self, fill):
        self.count += 1
        return changed(fill, trade_id=f"{fill.trade_id}-{self.count}")


@planted(252)
class LiquidityIsAlwaysTaker(BendsFills):
    def bend_fill(self, fill):
        return changed(fill, liquidity="taker")


@planted(252, 253)
class SecondFillOfAnOrderIsDropped(Bends):
    def __init__(self, *values):
        super().__init__(*values)
        self._told = set()

    def bend(self, name, values, named):
        if name == "filled":
            if values[0].client_order_id in self._told:
                return None
            self._told.add(values[0].client_order_id)
        return values, named


@planted(256)
class ForeignFillsAreDropped(Bends):
    def bend(self, name, values, named):
        is_foreign = name == "filled" and values[0].client_order_id.startswith("person-")
        return None if is_foreign else (values, named)


@planted(257)
class FundingReferenceIsTheTime(PaperAdapter):
    async def funding(self, account, since_ns):
        rows = await super().funding(account, since_ns)
        return [changed(row, reference=f"{id(row)}") for row in rows]


# Questions.


@planted(302, 303)
class FailedQuestionIsNotFound(PaperAdapter):
    async def query_order(self, account, client_order_id):
        try:
            return await super().query_order(account, client_order_id)
        except VenueError:
            return None


@planted(300)
class EndedOrdersAreNotFound(PaperAdapter):
    async def query_order(self, account, client_order_id):
        report = await super().query_order(account, client_order_id)
        is_open = report is not None and report.state in ("new", "partially_filled", "untriggered")
        return report if is_open else None


@planted(302)
class FailedOpenOrdersAreNone(PaperAdapter):
    async def open_orders(self, account):
        try:
            return await super().open_orders(account)
        except VenueError:
            return []


@planted(304)
class ForeignOpenOrdersAreHidden(PaperAdapter):
    async def open_orders(self, account):
        reports = await super().open_orders(account)
        return [row for row in reports if not row.client_order_id.startswith("person-")]


@planted(306)
class OnlyTheFirstPageOfFills(PaperAdapter):
    async def fills(self, account, since_ns):
        return (await super().fills(account, since_ns))[:1_000]


@planted(305, 403)
class NewestFillIsLeftOut(PaperAdapter):
    async def fills(self, account, since_ns):
        return (await super().fills(account, since_ns))[:-1]


@planted(305, 403)
class FillsOfAQueryHaveOtherNames(PaperAdapter):
    async def fills(self, account, since_ns):
        rows = await super().fills(account, since_ns)
        return [changed(row, trade_id=f"q{row.trade_id}") for row in rows]


@planted(307)
class ShortPositionsHaveNoSign(PaperAdapter):
    async def positions(self, account):
        rows = await super().positions(account)
        return [changed(row, quantity=row.quantity.lstrip("-")) for row in rows]


@planted(308)
class BalancesAreOld(PaperAdapter):
    async def balances(self, account):
        rows = await super().balances(account)
        return [changed(row, total="1000000") for row in rows]


@planted(106)
class ModeIsAssumed(PaperAdapter):
    async def is_hedge_mode(self, account):
        return False


@planted(103)
class InstrumentsHaveAnotherTick(PaperAdapter):
    async def instruments(self):
        return [changed(each, tick="0.01") for each in await super().instruments()]


# The stream, and the end.


@planted(401, 402)
class GapIsNeverOpened(Bends):
    def bend(self, name, values, named):
        return None if name == "gap_opened" else (values, named)


@planted(401, 403)
class GapIsNeverClosed(Bends):
    def bend(self, name, values, named):
        return None if name == "gap_closed" else (values, named)


@planted(402)
class SilenceIsQuiet(PaperAdapter):
    def __init__(self, venue, settings, secrets):
        super().__init__(venue, dict(settings) | {"silence_max_s": 3_600.0}, secrets)


@planted(400)
class BidAndAskAreSwapped(Bends):
    def bend(self, name, values, named):
        if name == "marked":
            mark = values[0]
            values = (changed(mark, bid=mark.ask, ask=mark.bid),)
        return values, named


@planted(405)
class GarbageEndsTheStream(PaperAdapter):
    async def connect(self, port):
        await super().connect(port)
        stream = self._stream

        async def run():
            await stream._follow()

        stream._task.cancel()
        await asyncio.gather(stream._task, return_exceptions=True)
        stream._task = asyncio.get_running_loop().create_task(_quietly(run))


async def _quietly(run):
    try:
        await run()
    except Exception:
        return


@planted(104)
class StreamOutlivesTheAdapter(PaperAdapter):
    async def close(self):
        self._port.close()


@planted(104)
class PortIsUsedAfterTheEnd(PaperAdapter):
    async def connect(self, port):
        self.real_port = port
        await super().connect(port)

    async def close(self):
        is_open = self._port.is_open
        await super().close()
        if is_open:
            asyncio.get_running_loop().call_later(0.05, self.real_port.gap_opened, "closed")


@planted(101)
class SecretInTheRepresentation(PaperAdapter):
    def __init__(self, venue, settings, secrets):
        super().__init__(venue, settings, secrets)
        self.credentials = dict(secrets)


@planted(102)
class ConnectHidesItsFailure(PaperAdapter):
    async def connect(self, port):
        try:
            await super().connect(port)
        except VenueError:
            self._port.open(port)


@planted(102, 302)
class FailureOfAnotherKind(PaperAdapter):
    async def _ask(self, path, query=None):
        try:
            return await super()._ask(path, query)
        except VenueUnavailable as error:
            raise RuntimeError(str(error)) from error


@planted(100)
class ManifestProvesTooEarly(PaperAdapter):
    def __init__(self, venue, settings, secrets):
        super().__init__(venue, settings, secrets)
        self.capabilities = changed(
            self.capabilities, not_found_proof_after_ms=100, acceptance_window_ms=5_000
        )


@planted(100)
class ManifestPromisesAMissingMethod(PaperAdapter):
    def __init__(self, venue, settings, secrets):
        super().__init__(venue, settings, secrets)
        self.capabilities = changed(self.capabilities, has_mass_cancel=True)
