"""Rules of a voucher: each by its name, none of them asks anybody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.protocol.eip712 import Domain
from contracts.protocol.keys import Signer
from contracts.protocol.typed_data import Receipt, voucher_of
from settlement.outcome import Failed, Retryable
from settlement.usage import Claim, check

HOLDER, DELEGATE, AGENT, STRANGER = (Signer(bytes([n]) * 32) for n in range(1, 5))
DOMAIN = Domain(1337, Signer(b"\x09" * 32).address)
SERIES, START, END = 77, 1000, 1018
RECEIPT = Receipt(
    series=SERIES,
    holder=HOLDER.address,
    sequence=1,
    interval_start=START,
    interval_end=START + 5,
    used_gpu_ms=5000,
    samples_root=bytes(32),
)


def claim(receipt: Receipt = RECEIPT, *, by: Signer = HOLDER, agent: Signer = AGENT) -> Claim:
    """A claim that is right unless told otherwise."""
    voucher = voucher_of(receipt)
    return Claim(
        receipt=receipt,
        holder_signature=by.sign(voucher, DOMAIN),
        agent_signature=agent.sign(voucher, DOMAIN),
        series=SERIES,
        holder=HOLDER.address,
        delegates=frozenset({DELEGATE.address}),
        agents=frozenset({AGENT.address}),
        milli=1000,
        units=5,
        start=START,
        end=END,
        redeemed_gpu_ms=0,
        missed_intervals=0,
        interval_s=5,
        is_running=True,
        now=START + 6,
        domain=DOMAIN,
    )


@pytest.mark.parametrize("by", [HOLDER, DELEGATE])
def test_check__signed_by_both_sides__passes(by: Signer) -> None:
    """The holder or its delegate."""
    check(claim(by=by))


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (claim(replace(RECEIPT, series=78)), "foreign-voucher"),
        (claim(replace(RECEIPT, holder=STRANGER.address)), "foreign-voucher"),
        (claim(agent=STRANGER), "bad-agent-signature"),
        (claim(by=STRANGER), "bad-holder-signature"),
        (claim(by=AGENT), "bad-holder-signature"),
        (replace(claim(), holder_signature=b"\x00" * 65), "bad-signature"),
        (replace(claim(), holder_signature=b""), "bad-signature"),
        (replace(claim(), domain=Domain(1, DOMAIN.verifying_contract)), "bad-agent-signature"),
        (replace(claim(), redeemed_gpu_ms=5001), "voucher-shrinks"),
        (replace(claim(), redeemed_gpu_ms=5000), "voucher-repeats"),
        (replace(claim(), units=1), "exceeds-units"),
        (replace(claim(), agents=frozenset()), "bad-agent-signature"),
    ],
)
def test_check__never_right__fails_with_a_code(bad: Claim, code: str) -> None:
    """No repetition helps."""
    with pytest.raises(Failed) as caught:
        check(bad)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("early", "code"),
    [
        (replace(claim(), is_running=False), "not-active"),
        (replace(claim(), now=START + 4), "exceeds-elapsed"),
        (replace(claim(), now=START - 100), "exceeds-elapsed"),
    ],
)
def test_check__not_right_yet__is_retryable(early: Claim, code: str) -> None:
    """A later moment helps."""
    with pytest.raises(Retryable) as caught:
        check(early)
    assert caught.value.code == code


def test_check__final_without_more_usage__passes() -> None:
    """It says that no more will be used."""
    check(replace(claim(replace(RECEIPT, is_final=True)), redeemed_gpu_ms=5000))
