"""Random claims, challenges, answers, verdicts and proofs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model import cases, proofs
from model.cases import Kind
from model.parts import HOUR, Lease, series_of

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import (
    AcknowledgedAction,
    Acknowledgement,
    Attestation,
    Receipt,
    Verdict,
    Voucher,
)
from stateful.play import EVIDENCE, Play

NO_VOUCHER = (0, "0x" + "00" * 20, 0, 0, False, bytes(32))


def _lease(play: Play, kind: Kind | None = None) -> Lease | None:
    """Mostly one with such an open case, or a started one without."""
    suits = [
        lease
        for lease in play.leases(play.is_started)
        if kind is None or play.case(lease).kind == kind
    ]
    chosen = play.some(suits or play.leases()[:6] if play.one_in(6) or suits else [])
    return chosen[0] if chosen else None


def _provider_side(play: Play, lease: Lease) -> str:
    provider = play.provider_of(lease)
    if play.one_in(10):
        return play.address(play.pick("stranger", "delegate", "buyer"))
    return play.pick(provider, play.model.agents[provider])


def _holder_side(play: Play, lease: Lease) -> str:
    """The holder, its delegate or a stranger; a wallet has its delegate only."""
    if play.one_in(10) or lease[1] == play.wallet:
        return play.address(play.pick("stranger", "delegate", "delegate", "delegate"))
    return play.pick(lease[1], lease[1], play.model.delegates.get(lease[1], lease[1]))


def _evidence(play: Play) -> bytes:
    return bytes(32) if play.one_in(20) else EVIDENCE


def _voucher(play: Play, lease: Lease) -> tuple[Voucher, bytes, str]:
    """What the agent alone says: an honest total, one too high or an old one."""
    position, elapsed = play.model.copy_of(lease), play.model.elapsed(lease)
    fresh = max(0, elapsed - position.used)
    used = position.used + play.pick(fresh // 5, fresh // 2, fresh, fresh + 10**6, 0)
    voucher = Voucher(*lease, used, play.pick(0, 0, 0, 1, 5), False, bytes(32))
    agent = play.name_of(play.model.agents[play.provider_of(lease)])
    agent = play.pick("agent", "rivalagent", "buyer") if play.one_in(10) else agent
    return voucher, play.sign(voucher, agent), play.address(agent)


def proceed(play: Play) -> None:
    """What comes next in some lease: a claim, its dispute, or its end."""
    open_cases = [play.case(lease) for lease in play.leases() if play.case(lease).kind]
    if any(case.disputed for case in open_cases) and play.one_in(2):
        play.pick(decide, decide, decide, resolve)(play)
    elif any(case.kind == Kind.USAGE and not case.disputed for case in open_cases):
        play.pick(challenge, challenge, resolve)(play)
    elif any(case.kind == Kind.NO_SHOW and not case.disputed for case in open_cases):
        play.pick(answer, answer, resolve)(play)
    else:
        play.pick(claim_usage, claim_no_show)(play)


def claim_usage(play: Play) -> None:
    lease = _lease(play)
    if lease:
        voucher, signature, signer = _voucher(play, lease)
        call = [as_tuple(voucher), signature]
        caller = _provider_side(play, lease)
        effect = cases.claim_usage
        play.call(caller, "arbitration", "claimUsage", call, effect, voucher, signer)


def challenge(play: Play) -> None:
    lease = _lease(play, Kind.USAGE)
    if lease:
        what = (lease, _evidence(play))
        call = [*lease, what[1]]
        play.call(
            _holder_side(play, lease), "arbitration", "challenge", call, cases.challenge, *what
        )


def claim_no_show(play: Play) -> None:
    lease = _lease(play)
    if lease:
        what = (lease, _evidence(play))
        call = [*lease, what[1]]
        caller = _holder_side(play, lease)
        play.call(caller, "arbitration", "claimNoShow", call, cases.claim_no_show, *what)


def answer(play: Play) -> None:
    lease = _lease(play, Kind.NO_SHOW)
    if not lease:
        return
    evidence, caller = _evidence(play), _provider_side(play, lease)
    if play.one_in(2):
        call = [*lease, evidence, NO_VOUCHER, b""]
        play.call(caller, "arbitration", "answer", call, cases.answer, lease, evidence)
        return
    voucher, signature, signer = _voucher(play, lease)
    if play.one_in(12):
        voucher = replace(voucher, holder=play.address("treasury"))
    call = [*lease, evidence, as_tuple(voucher), signature]
    what = (lease, evidence, voucher, signer)
    play.call(caller, "arbitration", "answer", call, cases.answer, *what)


def release(play: Play) -> None:
    lease = _lease(play)
    if lease:
        what = (lease, _evidence(play))
        call, caller = [*lease, what[1]], _provider_side(play, lease)
        play.call(caller, "arbitration", "release", call, cases.release, *what)


def interrupt(play: Play) -> None:
    bendable = [
        x for x in play.leases() if play.model.terms_of(series_of(x[0]).terms).interruptible
    ]
    chosen = play.some(bendable or play.leases())
    if chosen:
        caller = _provider_side(play, chosen[0])
        play.call(caller, "arbitration", "interrupt", [*chosen[0]], cases.interrupt, chosen[0])


# ------------------------------------------------------------------ the end of a case


def decide(play: Play) -> None:
    """A verdict of arbiters, mostly enough of them."""
    disputed = [x for x in play.leases() if play.case(x).disputed]
    chosen = play.some(disputed or (play.leases() if play.one_in(8) else []))
    if not chosen:
        return
    verdict = _verdict(play, chosen[0])
    by = play.pick(("arbiter1", "arbiter2"), ("arbiter3", "arbiter1", "arbiter2"))
    if play.one_in(8):
        by = play.pick(("arbiter1",), ("arbiter1", "arbiter1"), ("arbiter2", "buyer"), ())
    domain = _domain(play)
    signatures = [play.sign(verdict, name, domain) for name in by]
    play.verdicts += [(verdict, name) for name in by]
    call, who = [as_tuple(verdict), signatures], [play.address(name) for name in by]
    play.call(play.address("stranger"), "arbitration", "decide", call, cases.decide, verdict, who)


def _verdict(play: Play, lease: Lease) -> Verdict:
    number = play.case(lease).number + (1 if play.one_in(15) else 0)
    outcome = play.pick(1, 2, 3, 4) if not play.one_in(15) else play.pick(0, 5)
    return Verdict(*lease, number, outcome, _evidence(play))


def _domain(play: Play) -> Domain:
    return Domain(play.market_domain.chain_id, str(play.bourse.arbitration.address))


def resolve(play: Play) -> None:
    open_cases = [x for x in play.leases() if play.case(x).kind]
    chosen = play.some(open_cases or (play.leases() if play.one_in(8) else []))
    if chosen:
        call = [*chosen[0]]
        play.call(play.address("other"), "arbitration", "resolve", call, cases.resolve, chosen[0])


# ------------------------------------------------------------------ proofs


def prove_receipts(play: Play) -> None:
    """Two receipts of one lease: rarely a contradiction."""
    lease = _lease(play)
    if not lease:
        return
    first = _receipt(play, lease)
    later = replace(
        first,
        sequence=2,
        interval_start=first.interval_end,
        interval_end=first.interval_end + 60,
        used_gpu_ms=first.used_gpu_ms + 60_000,
    )
    lies: tuple[dict[str, Any], ...] = (
        {"used_gpu_ms": 0}, {"tokens": 0}, {"sequence": 1}, {"interval_start": 0},
        {"energy_millijoules": 0, "energy_measured": True},
    )  # fmt: skip
    second = replace(later, **play.pick(*lies)) if play.one_in(3) else later
    _prove(play, "proveReceipts", proofs.prove_receipts, (first, second))


def prove_overlap(play: Play) -> None:
    """Receipts of two leases that count one device, or do not."""
    started = play.leases(play.is_started) or play.leases()
    if len(started) < 2:
        return
    leases = [play.dice.choice(started) for _ in range(2)]
    at = {"interval_start": play.now - 100, "interval_end": play.now}
    receipts = [replace(_receipt(play, lease), **at) for lease in leases]
    if play.one_in(2):
        receipts[1] = replace(receipts[1], devices=(device_hash("elsewhere"),))
    _prove(play, "proveOverlap", proofs.prove_overlap, (receipts[0], receipts[1]))


def _prove(play: Play, function: str, effect: Any, receipts: tuple[Receipt, Receipt]) -> None:
    call: list[Any] = []
    what = []
    for receipt in receipts:
        agent = play.name_of(play.model.agents[play.provider_of((receipt.series, receipt.holder))])
        agent = play.pick("agent", "rivalagent", "stranger") if play.one_in(8) else agent
        call += [as_tuple(receipt), play.sign(receipt, agent)]
        what.append((receipt, play.address(agent)))
    play.call(play.address("other"), "arbitration", function, call, effect, *what)


def _receipt(play: Play, lease: Lease) -> Receipt:
    start = series_of(lease[0]).start
    used = play.model.copy_of(lease).used
    return Receipt(
        series=lease[0],
        holder=lease[1],
        sequence=1,
        interval_start=start,
        interval_end=start + 60,
        used_gpu_ms=used + 60_000,
        samples_root=bytes(32),
        devices=(device_hash("GPU-0"),),
        tokens=500,
        energy_millijoules=9,
        energy_measured=True,
    )


def prove_cancelled(play: Play) -> None:
    """The filler's word that it cancelled an order which it filled later, or did not."""
    bids = [wanted for wanted, _ in play.bids if play.model.records[wanted.digest].fills]
    if not bids:
        return
    wanted = play.dice.choice(bids)
    record = play.model.records[wanted.digest]
    signer = play.pick("stranger", "stranger", "stranger", "treasury")
    word = Acknowledgement(
        order=bytes.fromhex(wanted.digest[2:]),
        action=AcknowledgedAction(play.pick(2, 2, 2, 1)).value,
        sequence=5,
        at=record.filled_at - play.pick(1, 30, 0),
    )
    call = [as_tuple(wanted.bid), as_tuple(word), play.sign(word, signer)]
    what = (wanted.bid, wanted.digest, (word, play.address(signer)))
    play.call(
        play.address("other"), "arbitration", "proveCancelledBid", call, proofs.prove_cancelled,
        *what,
    )  # fmt: skip


def prove_verdicts(play: Play) -> None:
    """Two verdicts of one arbiter, alike or not."""
    leases = play.leases()
    if play.verdicts and play.one_in(2):
        verdict, name = play.dice.choice(play.verdicts)
    elif leases:
        verdict = Verdict(*play.dice.choice(leases), play.pick(1, 2), 2, EVIDENCE)
        name = play.pick("arbiter1", "arbiter2")
    else:
        return
    other = replace(verdict, outcome=play.pick(verdict.outcome, 1, 3))
    second = play.pick(name, name, name, "arbiter3")
    domain = _domain(play)
    call = [
        as_tuple(verdict), play.sign(verdict, name, domain),
        as_tuple(other), play.sign(other, second, domain),
    ]  # fmt: skip
    what = ((verdict, play.address(name)), (other, play.address(second)))
    caller, effect = play.address("other"), proofs.prove_verdicts
    play.call(caller, "arbitration", "proveVerdicts", call, effect, *what)


def prove_attestations(play: Play) -> None:
    """One auditor that gave one device to two providers, or did not."""
    first = Attestation(
        provider=play.address("provider"),
        device=device_hash("TWICE"),
        parent=bytes(32),
        device_class=b"\x01" * 32,
        lane_milli=1000,
        expiry=play.now + HOUR,
        evidence=EVIDENCE,
        simulated=True,
    )
    changes: dict[str, Any] = play.pick({"provider": play.address("rival")}, {"expiry": play.now})
    second = replace(first, **changes)
    names = play.pick(
        ("auditor1", "auditor1"), ("auditor2", "auditor2"), ("auditor1", "auditor2"),
        ("buyer", "buyer"),
    )  # fmt: skip
    domain = play.bourse.registry_domain
    call: list[Any] = []
    for attestation, name in zip((first, second), names, strict=True):
        call += [as_tuple(attestation), play.sign(attestation, name, domain)]
    what = ((first, play.address(names[0])), (second, play.address(names[1])))
    caller, effect = play.address("other"), proofs.prove_attestations
    play.call(caller, "arbitration", "proveAttestations", call, effect, *what)
