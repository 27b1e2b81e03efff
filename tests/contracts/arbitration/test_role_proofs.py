"""What operators, arbiters and auditors sign twice: four proofs by anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from arbiters import DISPUTE_FEE, FRAUD, HONEST, INCONCLUSIVE, ROLE_BOND, Court, Lease
from bourse import H100, HOUR, PRICE, USD, Fill
from brownie import chain

from contracts.bindings.tuples import as_tuple
from contracts.protocol.eip712 import Domain, digest
from contracts.protocol.hashing import keccak
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import (
    AcknowledgedAction,
    Acknowledgement,
    Ask,
    Attestation,
    Bid,
    Verdict,
)

HALF = ROLE_BOND // 2


def digest_of(court: Court, order: Ask | Bid) -> bytes:
    return bytes.fromhex(court.bourse.digest(order)[2:])


class TestCancelled:
    @pytest.fixture
    def orders(self, court: Court) -> tuple[Ask, Bid]:
        """A pair that the operator alone may fill."""
        operator = court.bourse.address("operator")
        ask = court.bourse.ask(filler=operator, terms=1)
        bid = court.bourse.bid(device_classes=H100, filler=operator)
        return ask, bid

    def fill(self, court: Court, orders: tuple[Ask, Bid], **shape: Any) -> None:
        outcome = court.bourse.fill(orders[0], Fill(orders[1], **shape), by="operator")
        assert "Filled" in outcome.events, outcome.reasons

    def word(self, court: Court, order: Ask | Bid, **changes: Any) -> Acknowledgement:
        """The operator's word that it took the order out a minute ago."""
        digest = digest_of(court, order)
        plain = Acknowledgement(digest, AcknowledgedAction.CANCELLED.value, 7, chain.time() - 60)
        return replace(plain, **changes)

    def prove(
        self, court: Court, order: Ask | Bid, word: Acknowledgement, by: str = "operator"
    ) -> Any:
        name = "proveCancelledBid" if isinstance(order, Bid) else "proveCancelledAsk"
        signature = court.bourse.sign(word, by)
        sender = court.bourse.sends("stranger")
        return getattr(court.call, name)(as_tuple(order), as_tuple(word), signature, sender)

    @pytest.mark.parametrize(("side", "maker"), [(0, "provider"), (1, "buyer")])
    def test_prove_cancelled__filled_later__maker_gets_a_fifth(
        self, court: Court, orders: Any, side: int, maker: str
    ) -> None:
        word = self.word(court, orders[side])
        self.fill(court, orders)
        moved = court.moved(lambda: self.prove(court, orders[side], word))
        assert moved == {"bond of operator": -PRICE // 5, maker: PRICE // 5}

    def test_prove_cancelled__small_order__the_dispute_fee(self, court: Court, orders: Any) -> None:
        word = self.word(court, orders[1])
        self.fill(court, orders, duration=36)
        moved = court.moved(lambda: self.prove(court, orders[1], word))
        assert moved == {"bond of operator": -DISPUTE_FEE, "buyer": DISPUTE_FEE}

    def test_prove_cancelled__bond_too_small__all_of_it(self, court: Court, orders: Any) -> None:
        word = self.word(court, orders[1])
        self.fill(court, orders, duration=30 * HOUR)
        assert 30 * PRICE // 5 > ROLE_BOND
        moved = court.moved(lambda: self.prove(court, orders[1], word))
        assert moved == {"bond of operator": -ROLE_BOND, "buyer": ROLE_BOND}

    def test_prove_cancelled__event__names_the_word(self, court: Court, orders: Any) -> None:
        word = self.word(court, orders[1])
        self.fill(court, orders)
        tx = self.prove(court, orders[1], word)
        assert dict(tx.events["RoleEquivocationProven"]) == {
            "culprit": court.bourse.address("operator"),
            "proof": court.bourse.digest(orders[1]),
            "evidence": court.bourse.digest(word),
            "prover": court.bourse.address("stranger"),
        }
        assert court.call.isProven(court.bourse.digest(orders[1]))

    def test_prove_cancelled__other_order_or_accepted__refused(
        self, court: Court, orders: Any
    ) -> None:
        self.fill(court, orders)
        other = self.word(court, orders[0])
        accepted = self.word(court, orders[1], action=AcknowledgedAction.ACCEPTED.value)
        for word in (other, accepted):
            values = (
                digest_of(court, orders[1]),
                word.order,
                word.action,
            )
            court.refused(
                None, lambda x=word: self.prove(court, orders[1], x), "NotCancelled", *values
            )

    def test_prove_cancelled__not_the_filler_signed__refused(
        self, court: Court, orders: Any
    ) -> None:
        self.fill(court, orders)
        word = self.word(court, orders[1])
        values = (court.bourse.address("operator"), court.bourse.address("rival"))
        court.refused(
            None,
            lambda: self.prove(court, orders[1], word, by="rival"),
            "BadSignature",
            *values,
        )

    def test_prove_cancelled__no_filler_named__refused(self, court: Court) -> None:
        bid = court.bourse.bid()
        word = self.word(court, bid)
        court.refused(None, lambda: self.prove(court, bid, word), "BadSignature")
        nobody = as_tuple(word)
        sender = court.bourse.sends("stranger")
        court.refused(
            None,
            lambda: court.call.proveCancelledBid(as_tuple(bid), nobody, b"", sender),
            "BadSignature",
        )

    def test_prove_cancelled__not_filled_or_before__refused(
        self, court: Court, orders: Any
    ) -> None:
        word = self.word(court, orders[1])
        values = (0, word.at)
        court.refused(None, lambda: self.prove(court, orders[1], word), "NotFilledAfter", *values)
        self.fill(court, orders)
        filled = chain[-1].timestamp
        word = self.word(court, orders[1], at=filled)
        court.refused(
            None, lambda: self.prove(court, orders[1], word), "NotFilledAfter", filled, filled
        )
        self.prove(court, orders[1], replace(word, at=filled - 1))

    def test_prove_cancelled__twice__refused(self, court: Court, orders: Any) -> None:
        word = self.word(court, orders[1])
        self.fill(court, orders)
        self.prove(court, orders[1], word)
        again = replace(word, at=word.at - 1)
        value = digest_of(court, orders[1])
        court.refused(None, lambda: self.prove(court, orders[1], again), "AlreadyProven", value)
        self.prove(court, orders[0], self.word(court, orders[0]))

    def test_prove_cancelled__no_bond__refused_until_there_is_one(
        self, court: Court, orders: Any
    ) -> None:
        rival = court.bourse.address("rival")
        ask, bid = (replace(order, filler=rival) for order in orders)
        word = self.word(court, bid)
        outcome = court.bourse.fill(ask, Fill(bid), by="rival")
        assert "Filled" in outcome.events
        court.refused(
            None, lambda: self.prove(court, bid, word, by="rival"), "NothingToSlash", rival
        )
        court.bourse.pay_in("rival", USD)
        court.bourse.market.bond(1, court.bourse.sends("rival"))
        tx = self.prove(court, bid, word, by="rival")
        assert tx.events["Slashed"]["amount"] == 1


def evidence_of(tx: Any) -> bytes:
    """What the proof and the slash name alike."""
    proven, slashed = (
        bytes.fromhex(str(tx.events[name]["evidence"]).removeprefix("0x"))
        for name in ("RoleEquivocationProven", "Slashed")
    )
    assert proven == slashed
    return proven


class TestVerdicts:
    @pytest.fixture
    def lease(self, court: Court) -> Lease:
        lease = court.running()
        court.claim(lease, 5)
        return lease

    def pair(self, court: Court, lease: Lease) -> tuple[Verdict, Verdict]:
        return court.verdict(lease, HONEST), court.verdict(lease, INCONCLUSIVE)

    def prove(
        self,
        court: Court,
        pair: tuple[Verdict, Verdict],
        by: tuple[str, str] = ("arbiter3", "arbiter3"),
    ) -> Any:
        arguments: list[Any] = []
        for verdict, name in zip(pair, by, strict=True):
            arguments += [as_tuple(verdict), court.sign_verdict(verdict, name)]
        return court.call.proveVerdicts(*arguments, court.bourse.sends("stranger"))

    def test_prove_verdicts__two_outcomes__half_to_prover(self, court: Court, lease: Lease) -> None:
        moved = court.moved(lambda: self.prove(court, self.pair(court, lease)))
        assert moved == {"bond of arbiter3": -ROLE_BOND, "stranger": HALF, "burned": HALF}

    def test_prove_verdicts__evidence__names_both_words_in_their_order(
        self, court: Court, lease: Lease
    ) -> None:
        first, second = self.pair(court, lease)
        domain = Domain(chain.id, court.call.address)
        tx = self.prove(court, (first, second))
        assert evidence_of(tx) == keccak(digest(first, domain) + digest(second, domain))

    def test_prove_verdicts__unbonding__slashed_too(self, court: Court, lease: Lease) -> None:
        court.bourse.registry.requestUnbonding(ROLE_BOND - 3, court.bourse.sends("arbiter3"))
        moved = court.moved(lambda: self.prove(court, self.pair(court, lease)))
        assert moved["bond of arbiter3"] == -ROLE_BOND

    def test_prove_verdicts__odd_rest_of_bond__rounded_down_for_prover(
        self, court: Court, lease: Lease
    ) -> None:
        self.prove(court, self.pair(court, lease))
        court.bourse.pay_in("arbiter3", USD)
        court.bourse.market.bond(7, court.bourse.sends("arbiter3"))
        later = tuple(replace(x, number=9) for x in self.pair(court, lease))
        moved = court.moved(lambda: self.prove(court, later))
        assert moved == {"bond of arbiter3": -7, "stranger": 3, "burned": 4}

    @pytest.mark.parametrize(
        "changes",
        [{"number": 2}, {"series": 1 << 120}, {"outcome": HONEST, "evidence": bytes([1] * 32)}],
    )
    def test_prove_verdicts__two_cases_or_agreed__refused(
        self, court: Court, lease: Lease, changes: dict[str, Any]
    ) -> None:
        first, second = self.pair(court, lease)
        pair = first, replace(second, **changes)
        court.refused(lease, lambda: self.prove(court, pair), "NoContradiction")

    def test_prove_verdicts__other_holder__refused(self, court: Court, lease: Lease) -> None:
        first, second = self.pair(court, lease)
        pair = first, replace(second, holder=court.bourse.address("other"))
        court.refused(lease, lambda: self.prove(court, pair), "NoContradiction")

    def test_prove_verdicts__two_signers_or_nobody__refused(
        self, court: Court, lease: Lease
    ) -> None:
        pair = self.pair(court, lease)
        values = (court.bourse.address("arbiter1"), court.bourse.address("arbiter2"))
        court.refused(
            lease,
            lambda: self.prove(court, pair, by=("arbiter1", "arbiter2")),
            "DifferentSigners",
            *values,
        )
        first, second = map(as_tuple, pair)
        sender = court.bourse.sends("stranger")
        court.refused(
            lease,
            lambda: court.call.proveVerdicts(first, b"", second, b"", sender),
            "DifferentSigners",
        )

    def test_prove_verdicts__no_arbiter__refused(self, court: Court, lease: Lease) -> None:
        by = ("operator", "operator")
        values = (1, court.bourse.address("operator"))
        court.refused(
            lease, lambda: self.prove(court, self.pair(court, lease), by=by), "NotArbiter", *values
        )

    def test_prove_verdicts__lease_without_arbiters__refused(self, court: Court) -> None:
        lease = court.running(terms=court.silent_terms)
        values = (0, court.bourse.address("arbiter3"))
        court.refused(
            lease, lambda: self.prove(court, self.pair(court, lease)), "NotArbiter", *values
        )

    def test_prove_verdicts__twice__refused_also_swapped(self, court: Court, lease: Lease) -> None:
        first, second = self.pair(court, lease)
        third = court.verdict(lease, FRAUD)
        self.prove(court, (first, second))
        court.bourse.pay_in("arbiter3", ROLE_BOND)
        court.bourse.market.bond(ROLE_BOND, court.bourse.sends("arbiter3"))
        for pair in ((first, second), (second, first), (first, third)):
            court.refused(lease, lambda x=pair: self.prove(court, x), "AlreadyProven")

    def test_prove_verdicts__no_bond__refused_and_kept(self, court: Court, lease: Lease) -> None:
        pair = self.pair(court, lease)
        self.prove(court, pair)
        later = tuple(replace(x, number=9) for x in pair)
        value = court.bourse.address("arbiter3")
        court.refused(lease, lambda: self.prove(court, later), "NothingToSlash", value)


class TestAttestations:
    def pair(self, court: Court, **changes: Any) -> tuple[Attestation, Attestation]:
        """One device, the same evidence, two owners."""
        first = court.bourse.attestation("GPU-9")
        second = court.bourse.attestation("GPU-9", owner="rival", expiry=first.expiry + 1)
        return first, replace(second, **changes)

    def prove(
        self,
        court: Court,
        pair: tuple[Attestation, Attestation],
        by: tuple[str, str] = ("auditor3", "auditor3"),
    ) -> Any:
        arguments: list[Any] = []
        for attestation, name in zip(pair, by, strict=True):
            signature = court.bourse.keys[name].sign(attestation, court.bourse.registry_domain)
            arguments += [as_tuple(attestation), signature]
        return court.call.proveAttestations(*arguments, court.bourse.sends("stranger"))

    def test_prove_attestations__one_evidence__half_to_prover(self, court: Court) -> None:
        pair = self.pair(court)
        moved = court.moved(lambda: self.prove(court, pair))
        assert moved == {"bond of auditor3": -ROLE_BOND, "stranger": HALF, "burned": HALF}

    def test_prove_attestations__evidence__names_both_words_in_their_order(
        self, court: Court
    ) -> None:
        first, second = self.pair(court)
        domain = court.bourse.registry_domain
        tx = self.prove(court, (first, second))
        assert evidence_of(tx) == keccak(digest(first, domain) + digest(second, domain))

    def test_prove_attestations__one_expiry__slashed(self, court: Court) -> None:
        first, second = self.pair(court, evidence=keccak(b"other"))
        moved = court.moved(
            lambda: self.prove(court, (first, replace(second, expiry=first.expiry)))
        )
        assert moved["bond of auditor3"] == -ROLE_BOND

    @pytest.mark.parametrize(
        "changes",
        [{"device": device_hash("GPU-8")}, {"evidence": keccak(b"other")}],
    )
    def test_prove_attestations__both_can_be_true__refused(
        self, court: Court, changes: dict[str, Any]
    ) -> None:
        pair = self.pair(court, **changes)
        court.refused(None, lambda: self.prove(court, pair), "NoContradiction")

    def test_prove_attestations__same_owner__refused(self, court: Court) -> None:
        first, second = self.pair(court)
        pair = first, replace(second, provider=first.provider)
        court.refused(None, lambda: self.prove(court, pair), "NoContradiction")

    def test_prove_attestations__two_signers__refused(self, court: Court) -> None:
        by = ("auditor1", "auditor2")
        court.refused(None, lambda: self.prove(court, self.pair(court), by=by), "DifferentSigners")

    def test_prove_attestations__no_auditor__refused(self, court: Court) -> None:
        value = court.bourse.address("arbiter1")
        by = ("arbiter1", "arbiter1")
        court.refused(None, lambda: self.prove(court, self.pair(court), by=by), "NotAuditor", value)

    def test_prove_attestations__twice_for_a_device__refused(self, court: Court) -> None:
        first, second = self.pair(court)
        self.prove(court, (first, second))
        court.bourse.pay_in("auditor3", ROLE_BOND)
        court.bourse.market.bond(ROLE_BOND, court.bourse.sends("auditor3"))
        court.refused(None, lambda: self.prove(court, (second, first)), "AlreadyProven")
