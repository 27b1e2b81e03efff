"""What the buyer's side refuses to counter-sign."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.protocol.eip712 import Domain
from contracts.protocol.errors import ProtocolError, SignatureError
from contracts.protocol.keys import Signer
from contracts.protocol.series import Series
from contracts.protocol.typed_data import Receipt, voucher_of
from marketplace_api.client.answers import StoredReceipt
from marketplace_api.client.usage_checks import Grounds, Observation, Signed, check_receipt

AGENT, HOLDER = Signer(b"\x08" * 32), Signer(b"\x01" * 32)
DOMAIN = Domain(1337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
START = 1_000_000
SERIES = Series(start=START, duration=72, ticks=2000, step=1000, terms=1).id
GROUNDS = Grounds(SERIES, HOLDER.address, AGENT.address, 1000, START, START + 72, True, DOMAIN)
FIRST = Receipt(
    series=SERIES,
    holder=HOLDER.address,
    sequence=1,
    interval_start=START,
    interval_end=START + 10,
    used_gpu_ms=8_000,
    samples_root=bytes(32),
    simulated=True,
)
SEEN = Observation(now=START + 10.5, running_seconds=8.2, log_bytes=100, job_seen=True)


def stored(receipt: Receipt, agent: Signer = AGENT) -> StoredReceipt:
    return StoredReceipt(
        receipt, agent.sign(receipt, DOMAIN), agent.sign(voucher_of(receipt), DOMAIN)
    )


def second(**changes: object) -> Receipt:
    made = replace(
        FIRST,
        sequence=2,
        interval_start=START + 10,
        interval_end=START + 20,
        used_gpu_ms=16_000,
        previous=FIRST.hash_struct(),
    )
    return replace(made, **changes)


def test_check_receipt__seen_and_signed__gives_the_voucher():
    """What stands is counter-signed as the voucher that both sides derive."""
    assert check_receipt(stored(FIRST), Signed(), GROUNDS, SEEN) == voucher_of(FIRST)


@pytest.mark.parametrize(
    ("receipt", "field", "given"),
    [
        (replace(FIRST, series=SERIES + 1), "series", SERIES + 1),
        (replace(FIRST, holder=AGENT.address), "holder", AGENT.address),
        (replace(FIRST, simulated=False), "simulated", False),
        (replace(FIRST, sequence=2), "sequence", 2),
        (replace(FIRST, previous=b"\x01" * 32), "previous", "01" * 32),
        (replace(FIRST, interval_start=START - 1), "interval_start", START - 1),
        (replace(FIRST, interval_end=START - 1), "interval_end", START - 1),
        (replace(FIRST, interval_end=START + 14), "interval_end", START + 14),
        (replace(FIRST, used_gpu_ms=10_001), "used_gpu_ms", 10_001),
    ],
)
def test_check_receipt__first_one_is_off__is_named(receipt: Receipt, field: str, given: object):
    """Another lease, a gap, time that did not pass, more than the interval holds."""
    with pytest.raises(ProtocolError) as refused:
        check_receipt(stored(receipt), Signed(), GROUNDS, SEEN)
    assert (refused.value.field, refused.value.given) == (field, given)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sequence": 1}, "sequence"),
        ({"sequence": 3}, "sequence"),
        ({"previous": bytes(32)}, "previous"),
        ({"interval_start": START + 9}, "interval_start"),
        ({"used_gpu_ms": 7_999}, "used_gpu_ms"),
        ({"used_gpu_ms": 18_001}, "used_gpu_ms"),
        ({"missed_intervals": 0}, "missed_intervals"),
    ],
)
def test_check_receipt__chain_breaks__is_named(changes: dict[str, object], field: str):
    """Totals are cumulative and every receipt names the one before."""
    last = replace(Signed.of(FIRST), missed_intervals=1 if "missed_intervals" in changes else 0)
    seen = replace(SEEN, now=START + 20.0, running_seconds=19.0)
    with pytest.raises(ProtocolError) as refused:
        check_receipt(stored(second(**changes)), last, GROUNDS, seen)
    assert refused.value.field == field


def test_check_receipt__no_job_was_seen__refuses_usage_but_signs_nothing_used():
    """An idle interval may be signed; usage that nobody saw may not."""
    unseen = Observation(now=START + 10.5)
    with pytest.raises(ProtocolError, match="no job of this lease was seen"):
        check_receipt(stored(FIRST), Signed(), GROUNDS, unseen)
    idle = replace(FIRST, used_gpu_ms=0)
    assert check_receipt(stored(idle), Signed(), GROUNDS, unseen).used_gpu_ms == 0


def test_check_receipt__more_than_we_saw__is_refused_by_our_clock():
    """The interval would allow 10 s; we saw a job for 2 s, and allow 3 s for the network."""
    seen = replace(SEEN, running_seconds=2.0)
    with pytest.raises(ProtocolError) as refused:
        check_receipt(stored(FIRST), Signed(), GROUNDS, seen)
    assert refused.value.field == "used_gpu_ms"
    assert "that we saw a job run" in refused.value.limit


def test_check_receipt__later_than_our_clock__is_refused():
    """Whoever claims time that did not pass yet gets nothing."""
    seen = replace(SEEN, now=START + 4.0, running_seconds=60)
    receipt = replace(FIRST, interval_end=START + 7)
    with pytest.raises(ProtocolError) as refused:
        check_receipt(stored(receipt), Signed(), GROUNDS, seen)
    assert refused.value.field == "used_gpu_ms"


def test_check_receipt__after_the_final_one__is_refused():
    """Final is final."""
    with pytest.raises(ProtocolError, match="nothing after the final"):
        check_receipt(stored(second()), replace(Signed.of(FIRST), is_final=True), GROUNDS, SEEN)


def test_check_receipt__foreign_agent__is_refused():
    """Only the agent of the provider that sold the lease."""
    with pytest.raises(SignatureError) as refused:
        check_receipt(stored(FIRST, agent=HOLDER), Signed(), GROUNDS, SEEN)
    assert refused.value.field == "receipt.signature"


def test_check_receipt__voucher_signed_by_another__is_refused():
    """The voucher is what the chain takes: its signature is checked by itself."""
    mixed = replace(stored(FIRST), voucher_signature=stored(FIRST, HOLDER).voucher_signature)
    with pytest.raises(SignatureError) as refused:
        check_receipt(mixed, Signed(), GROUNDS, SEEN)
    assert refused.value.field == "receipt.voucher_signature"
