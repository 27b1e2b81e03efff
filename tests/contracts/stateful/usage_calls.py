"""Random vouchers, closings, transfers and cuts."""

from __future__ import annotations

from typing import Any

from model import units, usage
from model.parts import HOUR, ZERO, Lease, series_of
from words import halves

from contracts.bindings.tuples import as_tuple
from contracts.protocol.typed_data import UsageGroup, Voucher
from contracts.protocol.units import LOT_GPU_MS
from stateful.play import HOLDERS, Play

LOW_104 = (1 << 104) - 1


def redeem(play: Play) -> None:
    """A few vouchers, counter-signed and not, new and old."""
    leases = play.leases(play.is_usable) or play.leases()
    signed = [_voucher(play, lease) for lease in play.some(leases, most=3)]
    if play.vouchers and play.one_in(4):
        signed.append(play.dice.choice(play.vouchers))
    if signed:
        play.vouchers += signed
        batch, meant = [one[0] for one in signed], [one[1] for one in signed]
        play.call(play.address("stranger"), "market", "redeem", [batch], usage.redeem, meant)


def _voucher(play: Play, lease: Lease) -> tuple[Any, usage.SignedVoucher]:
    position = play.model.copy_of(lease)
    voucher = Voucher(
        series=lease[0],
        holder=lease[1],
        used_gpu_ms=_used(play, lease),
        missed_intervals=max(0, position.missed + play.pick(0, 0, 0, 0, 1, 3, -1)),
        is_final=play.one_in(10),
        receipt=bytes(32),
    )
    key = _counter_signer(play, lease[1])
    agent = play.name_of(play.model.agents[play.provider_of(lease)])
    agent = play.pick("agent", "rivalagent", "stranger") if play.one_in(8) else agent
    with_agent = voucher.is_final or voucher.missed_intervals or play.one_in(5)
    signature = play.sign(voucher, agent) if with_agent else b""
    meant = usage.SignedVoucher(
        voucher, play.address(key), play.address(agent) if with_agent else None
    )
    return (as_tuple(voucher), halves(play.sign(voucher, key)), halves(signature)), meant


def _used(play: Play, lease: Lease) -> int:
    """Some of what elapsed, seldom more."""
    position, elapsed = play.model.copy_of(lease), play.model.elapsed(lease)
    fresh = max(0, elapsed - position.used)
    more = (0, fresh // 7, fresh // 3, fresh // 2 + 1, fresh, fresh)
    beyond = (fresh + position.milli * 400, -1)
    return max(0, position.used + play.pick(*(beyond if play.one_in(14) else more)))


def _counter_signer(play: Play, holder: str) -> str:
    """Whose key counter-signs: mostly one that counts."""
    if play.one_in(16):
        return play.pick("stranger", "treasury", "delegate", "owner")
    delegate = play.model.delegates.get(holder)
    alone = holder != play.wallet and (delegate is None or play.one_in(2))
    return play.key_of(holder) if alone or delegate is None else play.name_of(delegate)


def redeem_group(play: Play) -> None:
    """Leases of one holder under the same terms."""
    first = play.some(play.leases(play.is_usable) or play.leases())
    if not first:
        return
    series, holder = first[0]
    terms = series_of(series).terms
    alike = [x for x in play.leases() if x[1] == holder and series_of(x[0]).terms == terms][:6]
    items = [(lease[0], _used(play, lease)) for lease in alike]
    packed = [(series & LOW_104) | used << 104 for series, used in items]
    group = UsageGroup(holder, terms, series_of(series).step, tuple(packed))
    key = _counter_signer(play, holder)
    call = (as_tuple(group), play.sign(group, key))
    meant = (holder, play.address(key), items)
    play.call(play.address("other"), "market", "redeemGroup", call, usage.redeem_group, *meant)


def close(play: Play) -> None:
    """A few positions, by a stranger or their holder."""
    ready = [] if play.one_in(5) else play.leases(play.is_over)
    leases = play.some(ready or play.leases(), most=4)
    if play.one_in(10):
        leases += play.some(list(play.model.positions))
    if not leases:
        return
    caller = (
        leases[0][1] if play.one_in(3) and leases[0][1] != play.wallet else play.address("stranger")
    )
    play.call(caller, "market", "close", [leases], usage.close, leases)


# ------------------------------------------------------------------ units


def transfer(play: Play) -> None:
    """One series or two to somebody else, mostly in whole steps."""
    chosen = play.some(_movable(play))
    if not chosen:
        return
    holder = chosen[0][1]
    mine = [lease for lease in _movable(play) if lease[1] == holder]
    leases = list(dict.fromkeys([chosen[0], *play.some(mine, most=2)]))
    moves = [(lease[0], _units(play, lease)) for lease in leases]
    to = play.address(play.pick(*HOLDERS, "stranger"))
    to = play.pick(ZERO, play.model.market) if play.one_in(12) else to
    caller = play.address("stranger") if play.one_in(15) else holder
    ids, amounts = [series for series, _ in moves], [amount for _, amount in moves]
    if len(moves) == 1:
        function, values = "safeTransferFrom", [holder, to, ids[0], amounts[0], b""]
    else:
        function, values = "safeBatchTransferFrom", [holder, to, ids, amounts, b""]
    play.call(caller, "market", function, values, units.transfer, holder, to, moves)


def _movable(play: Play) -> list[Lease]:
    """Mostly those that may still move; a wallet moves nothing here."""
    leases = play.leases() if play.one_in(8) else play.leases(play.is_unstarted)
    return [lease for lease in leases if lease[1] != play.wallet]


def _units(play: Play, lease: Lease) -> int:
    parts, held = series_of(lease[0]), play.model.positions[lease].units
    step = max(1, parts.step * parts.duration // LOT_GPU_MS)
    return play.pick(step, step, held, held, 0, held + 1, step + 1 if step > 1 else 0)


def split(play: Play) -> None:
    """Cut at an hour inside the window, or beside it."""
    long = [x for x in play.leases() if x[1] != play.wallet and _hours(play, x) > 0]
    chosen = play.some(long or [x for x in play.leases() if x[1] != play.wallet])
    if not chosen:
        return
    series, holder = chosen[0]
    position, start = play.model.positions[chosen[0]], series_of(series).start
    first = (start // HOUR + 1) * HOUR
    at = first + HOUR * play.dice.randrange(max(1, _hours(play, chosen[0])))
    at = play.pick(start, position.end, at + 60) if play.one_in(10) else at
    milli = play.pick(position.milli, position.milli, position.milli, series_of(series).step, 0)
    play.call(holder, "market", "split", [series, at, milli], units.split, series, at, milli)


def _hours(play: Play, lease: Lease) -> int:
    """Whole hours strictly inside a position's window."""
    start, end = series_of(lease[0]).start, play.model.positions[lease].end
    return (end - 1) // HOUR - start // HOUR


def merge(play: Play) -> None:
    """Two parts that meet, where there are any; else two that do not."""
    leases = [lease for lease in play.leases() if lease[1] != play.wallet]
    pairs = [
        (a, b)
        for a in leases
        for b in leases
        if a[1] == b[1] and series_of(a[0]).end == series_of(b[0]).start
    ]
    fitting = [(a, b) for a, b in pairs if a[0] >> 64 == b[0] >> 64] or pairs
    if not fitting and leases and play.one_in(4):
        fitting = [(leases[0], leases[-1])]
    if not fitting:
        return
    first, second = play.dice.choice(fitting)
    milli = play.pick(*(play.model.positions[lease].milli for lease in (first, second)))
    values = [first[0], second[0], milli]
    play.call(first[1], "market", "merge", values, units.merge, *values)
