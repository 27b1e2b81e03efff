"""What somebody signed, shown again: on another chain, to another contract, for another order,
epoch, lease or case, or in another form of the same signature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from arbiters import HONEST, Court, Lease
from attacks.loot import THIEF, money, refusal, unharmed
from bourse import HOUR, OK, PRICE, Fill
from brownie import chain
from secondary import offer, resell, taking
from words import halves, malleable, reason

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain, Struct
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import compact
from contracts.protocol.series import Series
from contracts.protocol.typed_data import (
    AcknowledgedAction,
    Acknowledgement,
    Bid,
    UsageGroup,
    Voucher,
)

PLAIN = 1
"""Terms without reservation fee, interruption or arbiters."""


def domains(court: Court, but: str) -> Iterator[Domain]:
    """Where a signature does not count: every contract but one, and that one on other chains."""
    of = court.bourse
    for name in ("market", "registry", "arbitration", "resale", "parameters"):
        address = getattr(of, name).address
        if name == but:
            yield from (Domain(chain.id + 1, address), Domain(1, address))
        else:
            yield Domain(chain.id, address)


def forged(court: Court, struct: Struct, name: str, but: str = "market") -> list[bytes]:
    """The right key, the right words, in every wrong domain."""
    return [court.bourse.keys[name].sign(struct, domain) for domain in domains(court, but)]


def forms(signature: bytes) -> list[bytes]:
    """Other bytes that say the same, if one lets them, and bytes that say nothing."""
    short = compact(signature)
    flipped = malleable(signature)
    high = flipped[:32] + (int.from_bytes(flipped[32:64], "big") | 1 << 255).to_bytes(32, "big")
    recovery = signature[:64] + bytes([signature[64] - 27])
    return [flipped, high, recovery, short + b"\0" * 2, signature[:63], b"", b"\0" * 65]


class TestDomains:
    """Every signed struct in six domains that are not its own."""

    def test_orders__signed_elsewhere__fill_nothing(self, court: Court) -> None:
        of = court.bourse
        ask, bid = of.ask(terms=PLAIN), of.bid()
        with unharmed(court):
            for signature in forged(court, bid, "buyer"):
                outcome = of.fill(ask, Fill(bid, signature=signature))
                assert outcome.reasons == ((reason("BadSignature"),),)
            for signature in forged(court, ask, "provider"):
                outcome = of.fill(ask, Fill(bid), signature=signature)
                assert outcome.reasons == ((reason("BadSignature"),),)

    def test_vouchers__signed_elsewhere__pay_nothing(self, court: Court) -> None:
        of, lease = court.bourse, court.running()
        voucher = court.voucher(lease, 60_000)
        parts = Series.from_id(lease.series)
        item = lease.series & ((1 << 104) - 1) | 60_000 << 104
        group = UsageGroup(of.address("buyer"), parts.terms, parts.step, (item,))
        with unharmed(court):
            batch = [
                (as_tuple(voucher), halves(signature), halves(b""))
                for signature in forged(court, voucher, "buyer")
            ]
            assert of.redeem(*batch).reasons == (reason("BadSignature"),) * 6
            for signature in forged(court, group, "buyer"):
                refused = refusal(
                    court, THIEF, of.market, "redeemGroup", as_tuple(group), signature
                )
                assert refused == "BadSignature"

    def test_agents_words__signed_elsewhere__claim_and_convict_nobody(self, court: Court) -> None:
        lease = court.running()
        voucher = court.voucher(lease, 60_000)
        first, second = court.receipt(lease), court.receipt(lease, samples_root=keccak(b"2"))
        pairs = zip(forged(court, first, "agent"), forged(court, second, "agent"), strict=True)
        with unharmed(court):
            for signature in forged(court, voucher, "agent"):
                claim = ("claimUsage", as_tuple(voucher), signature)
                assert refusal(court, "provider", court.call, *claim) == "BadSignature"
            for one, two in pairs:
                proof = ("proveReceipts", as_tuple(first), one, as_tuple(second), two)
                assert refusal(court, THIEF, court.call, *proof) == "BadSignature"

    def test_verdicts__signed_elsewhere__decide_nothing(self, court: Court) -> None:
        lease = court.running()
        court.claim(lease, 60_000)
        court.challenge(lease)
        verdict = court.verdict(lease, HONEST)
        keys = [court.bourse.keys[name] for name in ("arbiter1", "arbiter2")]
        with unharmed(court):
            for domain in domains(court, "arbitration"):
                signatures = [key.sign(verdict, domain) for key in keys]
                decided = ("decide", as_tuple(verdict), signatures)
                assert refusal(court, THIEF, court.call, *decided) == "NotArbiter"

    def test_operators_and_auditors__signed_elsewhere__lose_nothing(self, court: Court) -> None:
        of = court.bourse
        bid = of.bid(filler=of.address("operator"))
        now = chain.time() - 60
        assert of.fill(of.ask(terms=PLAIN), Fill(bid), by="operator").reasons == ((OK,),)
        digest = bytes.fromhex(of.digest(bid)[2:])
        word = Acknowledgement(digest, AcknowledgedAction.CANCELLED.value, 1, now)
        new = of.attestation("GPU-9")
        with unharmed(court):
            for signature in forged(court, word, "operator"):
                proof = ("proveCancelledBid", as_tuple(bid), as_tuple(word), signature)
                assert refusal(court, THIEF, court.call, *proof) == "BadSignature"
            for domain in domains(court, "registry"):
                signatures = [of.keys[name].sign(new, domain) for name in ("auditor1", "auditor2")]
                attested = ("attest", [as_tuple(new)], [signatures])
                assert refusal(court, THIEF, of.registry, *attested) == "NotAuditor"


class TestOrders:
    def test_bid__shown_again_and_again__is_filled_once(self, court: Court) -> None:
        of = court.bourse
        ask, bid = of.ask(terms=PLAIN), of.bid()
        start = of.next_hour()
        one = Fill(bid, start=start)
        compacted = replace(one, signature=of.sign(bid, "buyer"))

        def twice() -> None:
            groups = [of.group(ask, one, one, compacted), of.group(ask, compacted)]
            spent = reason("NonceSpent")
            assert of.send("fill", groups).reasons == ((OK, spent, spent), (spent,))

        lease = Lease(
            Series(start, HOUR, PRICE // 1000, 1000, PLAIN).id, "buyer", start, start + HOUR
        )
        assert money(court, twice, lease) == {"buyer": -PRICE, "escrow": PRICE}
        with unharmed(court):
            assert of.fill(ask, one).reasons == ((reason("NonceSpent"),),)

    def test_bid__signature_of_another__fills_nothing(self, court: Court) -> None:
        """Better words under a signature that was given for others, and another's name."""
        of = court.bourse
        ask, bid = of.ask(terms=PLAIN), of.bid(max_price_per_gpu_hour=PRICE - 1000)
        signature = of.sign(bid, "buyer")
        lies: list[Bid] = [
            replace(bid, max_price_per_gpu_hour=PRICE),
            replace(bid, max_price_per_gpu_hour=PRICE, buyer=of.address("other")),
            replace(bid, max_price_per_gpu_hour=PRICE, nonce=7),
        ]
        with unharmed(court):
            outcome = of.fill(ask, *(Fill(lie, signature=signature) for lie in lies))
            assert outcome.reasons == ((reason("BadSignature"),) * 3,)

    def test_bid__sold_by_market_and_resale__is_filled_once(self, court: Court) -> None:
        of = court.bourse
        lease = court.lease(start=of.next_hour(), terms=PLAIN)
        bid = of.bid("other")
        ask = offer(of, lease.series)
        assert of.fill(of.ask(terms=PLAIN), Fill(bid, start=lease.start)).reasons == ((OK,),)
        with unharmed(court):
            outcome = resell(of, ask, taking(of, lease.series, bid=bid))
            assert outcome.reasons == ((reason("NonceSpent"),),)

    def test_orders__of_an_older_epoch__are_dead_although_nonces_begin_again(
        self, court: Court
    ) -> None:
        of = court.bourse
        ask, bid = of.ask(terms=PLAIN), of.bid(nonce=0)
        for name in ("buyer", "provider"):
            of.market.cancelAll(of.sends(name))
        renewed = replace(ask, epoch=1)
        with unharmed(court):
            assert of.fill(ask, Fill(bid)).reasons == ((reason("EpochMismatch"),),)
            assert of.fill(renewed, Fill(bid)).reasons == ((reason("EpochMismatch"),),)
            next_one = replace(bid, epoch=2)
            assert of.fill(renewed, Fill(next_one)).reasons == ((reason("EpochMismatch"),),)
        again = replace(bid, epoch=1)
        assert of.fill(renewed, Fill(again)).reasons == ((OK,),)

    def test_ask__of_terms_and_series__has_no_market(self, court: Court) -> None:
        """An ask that reads as both kinds, so that one signature would sell twice."""
        of = court.bourse
        lease = court.lease(THIEF, start=of.next_hour(), terms=PLAIN)
        both = offer(of, lease.series, THIEF, terms=PLAIN)
        wanted = taking(of, lease.series)
        with unharmed(court):
            assert resell(of, both, wanted).reasons == ((reason("WrongMarket"),),)
            group = of.group(both, wanted)
            assert of.send("fill", [group]).reasons == ((reason("WrongMarket"),),)


class TestForms:
    """A signature has two forms, 65 and 64 bytes, and what it signed counts once in either."""

    def test_orders__every_other_form__fills_nothing(self, court: Court) -> None:
        of = court.bourse
        ask, bid = of.ask(terms=PLAIN), of.bid()
        with unharmed(court):
            bad = forms(of.sign(bid, "buyer"))
            outcome = of.fill(ask, *(Fill(bid, signature=signature) for signature in bad))
            assert outcome.reasons == ((reason("BadSignature"),) * len(bad),)
            groups = [
                of.group(ask, Fill(bid), signature=signature or b"\1")
                for signature in forms(of.sign(ask, "provider"))
            ]
            expected = ((reason("BadSignature"),),) * len(groups)
            assert of.send("fill", groups).reasons == expected

    def test_judges__one_signature_in_two_forms__is_one(self, court: Court) -> None:
        of, lease = court.bourse, court.running()
        court.claim(lease, 60_000)
        court.challenge(lease)
        verdict, new = court.verdict(lease, HONEST), of.attestation("GPU-9")
        said = court.sign_verdict(verdict, "arbiter1")
        attested = of.keys["auditor1"].sign(new, of.registry_domain)
        with unharmed(court):
            for form, error in ((compact, "Repeated"), (malleable, "")):
                decided = ("decide", as_tuple(verdict), [said, form(said)])
                expected = f"Arbiter{error}" if error else "NotArbiter"
                assert refusal(court, THIEF, court.call, *decided) == expected
                enrolled = ("attest", [as_tuple(new)], [[attested, form(attested)]])
                expected = f"Auditor{error}" if error else "NotAuditor"
                assert refusal(court, THIEF, of.registry, *enrolled) == expected

    def test_voucher__every_other_form__pays_nothing(self, court: Court) -> None:
        of, lease = court.bourse, court.running()
        voucher = court.voucher(lease, 60_000)
        signature = of.sign(voucher, "buyer")
        r, vs = halves(signature)
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        s = int.from_bytes(vs, "big") & ((1 << 255) - 1)
        odd = [
            (r, (int.from_bytes(vs, "big") ^ 1 << 255).to_bytes(32, "big")),
            (r, (order - s).to_bytes(32, "big")),
            (vs, r),
            (bytes(32), bytes(32)),
            (b"\xff" * 32, vs),
        ]
        with unharmed(court):
            batch = [(as_tuple(voucher), form, halves(b"")) for form in odd]
            assert of.redeem(*batch).reasons == (reason("BadSignature"),) * len(odd)


class TestLeases:
    def test_voucher__of_another_lease_or_holder__pays_nothing(self, court: Court) -> None:
        of = court.bourse
        mine = court.lease("buyer")
        theirs = court.lease("other", start=mine.start + 5)
        chain.mine(timestamp=mine.start + HOUR // 2)
        voucher = court.voucher(mine, 60_000)
        signature = halves(of.sign(voucher, "buyer"))
        lies: list[Voucher] = [
            replace(voucher, series=theirs.series, holder=of.address("other")),
            replace(voucher, holder=of.address("other")),
            replace(voucher, series=theirs.series),
            replace(voucher, used_gpu_ms=60_001),
            replace(voucher, receipt=b"\1" * 32),
        ]
        with unharmed(court):
            outcome = of.redeem(*((as_tuple(lie), signature, halves(b"")) for lie in lies))
            assert reason("BadSignature") in outcome.reasons
            assert OK not in outcome.reasons

    def test_group__as_voucher_and_back__says_nothing(self, court: Court) -> None:
        of, lease = court.bourse, court.running()
        parts = Series.from_id(lease.series)
        item = lease.series & ((1 << 104) - 1) | 60_000 << 104
        group = UsageGroup(of.address("buyer"), parts.terms, parts.step, (item,))
        voucher = court.voucher(lease, 60_000)
        with unharmed(court):
            crossed = (as_tuple(voucher), halves(of.sign(group, "buyer")), halves(b""))
            assert of.redeem(crossed).reasons == (reason("BadSignature"),)
            grouped = ("redeemGroup", as_tuple(group), of.sign(voucher, "buyer"))
            assert refusal(court, THIEF, of.market, *grouped) == "BadSignature"

    def test_verdict__for_a_neighbour_in_the_series__decides_nothing(self, court: Court) -> None:
        """Two holders of one series, both in their first case: the signed name tells them apart."""
        start = chain.time() + 20
        leases = [court.lease(name, start=start) for name in ("buyer", "other")]
        assert leases[0].series == leases[1].series
        chain.mine(timestamp=start + HOUR // 2)
        for lease in leases:
            court.claim(lease, 60_000)
            court.challenge(lease)
        verdict = court.verdict(leases[0], HONEST)
        signatures = [court.sign_verdict(verdict, name) for name in ("arbiter1", "arbiter2")]
        lie = replace(verdict, holder=court.bourse.address("other"))
        with unharmed(court):
            decided = ("decide", as_tuple(lie), signatures)
            assert refusal(court, THIEF, court.call, *decided) == "NotArbiter"

    def test_receipts__of_two_leases_under_one_name__convict_nobody(self, court: Court) -> None:
        """One agent, one sequence, two leases: honest receipts, shown as if they were of one."""
        first = court.lease("buyer")
        second = court.lease("other", start=first.start + 5)
        chain.mine(timestamp=first.start + HOUR // 2)
        one, two = court.receipt(first), court.receipt(second, devices=(b"\2" * 32,))
        signed = court.signed_receipts(one, two)
        renamed = as_tuple(replace(two, series=first.series, holder=one.holder))
        attempts = (
            (signed, "OtherLease"),
            ((*signed[:2], renamed, signed[3]), "BadSignature"),
            ((*signed[:2], *signed[:2]), "NoContradiction"),
        )
        with unharmed(court):
            for receipts, error in attempts:
                assert refusal(court, THIEF, court.call, "proveReceipts", *receipts) == error


def test_attestation__shown_after_removal__enrols_nothing(court: Court) -> None:
    """Neither the owner nor the next one gets a device back by what auditors said before."""
    of = court.bourse
    seen = of.attestation("GPU-9")
    of.attest(seen)
    of.registry.removeDevice(seen.device, of.sends("provider"))
    of.registry.register(of.address("delegate"), of.sends(THIEF))
    with unharmed(court):
        for again in (seen, replace(seen, provider=of.address(THIEF))):
            signatures = [
                of.keys[n].sign(again, of.registry_domain) for n in ("auditor1", "auditor2")
            ]
            attested = ("attest", [as_tuple(again)], [signatures])
            assert refusal(court, THIEF, of.registry, *attested) == "StaleAttestation"
