"""The numbers that docs/PROTOCOL.md shows: an example of all that is packed, hashed or rounded.

``python -m tests.protocol.vectors`` writes them to ``tests/vectors/protocol.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contracts.protocol.eip712 import Domain, Struct, digest, type_hash, type_string
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer, compact
from contracts.protocol.series import Series, device_class_hash, device_hash, group_item
from contracts.protocol.typed_data import (
    SIGNED_STRUCTS,
    Acknowledgement,
    Ask,
    AskConstraints,
    Attestation,
    Bid,
    BidConstraints,
    Inventory,
    Receipt,
    Revocation,
    UsageGroup,
    Verdict,
    voucher_of,
)
from contracts.protocol.units import cost, payment_down, share_down
from contracts.protocol.wire import typed_data_json

FILE = Path(__file__).resolve().parents[1] / "vectors" / "protocol.json"
CHAIN_ID = 1337
MARKET, REGISTRY, ARBITRATION = ("0x" + digit * 40 for digit in "123")
HOUR = 3600
START = 1_800_000_000
"""A whole hour: 2027-01-15T08:00:00Z."""
SELLER, BUYER, AGENT = (Signer(number.to_bytes(32, "big")) for number in (1, 2, 3))
SERIES = Series(START, 2 * HOUR, 2_000, 1_000, 7)
USED, MISSED, INTERVAL = 1_000_001, 3, 60
FEE_BPS, RESERVATION_BPS, CREDIT_BPS = 100, 500, 2_500
CLASSES = (
    "nvidia/h100/80gb/sxm",
    "nvidia/a100/80gb/sxm",
    "nvidia/h200/141gb/sxm",
)

Vectors = dict[str, Any]


def vectors() -> Vectors:
    """All of them, from the code that signs and counts off chain."""
    return {
        "domains": _domains(),
        "type_hashes": {cls.type_name: _hex(type_hash(cls)) for cls in _signed()},
        "type_strings": {cls.type_name: type_string(cls) for cls in _signed()},
        "structs": {struct.type_name: _signed_example(struct) for struct in examples()},
        "words": _words(),
        "classes": _classes(),
        "money": _money(),
        "calendar": _calendar(),
        "creation": _creation(),
    }


def examples() -> tuple[Struct, ...]:
    """One struct of each kind; all speak of one sale of two hours."""
    ask = Ask(SELLER.address, 7, 2_000_000, START, START + 24 * HOUR, START - 300, START, 5)
    bid = Bid(
        buyer=BUYER.address,
        device_classes=device_class_hash(CLASSES[0]),
        milli=1_000,
        min_milli=1_000,
        window_start=START,
        window_end=START + 2 * HOUR,
        min_duration=2 * HOUR,
        max_duration=2 * HOUR,
        max_price_per_gpu_hour=2_500_000,
        valid_from=START - 300,
        deadline=START,
        nonce=9,
        budget=5_000_000,
        max_reservation_fee_bps=RESERVATION_BPS,
        constraints=BidConstraints(regions=("eu-north",), min_memory_mib=80_000),
    )
    receipt = Receipt(
        series=SERIES.id,
        holder=BUYER.address,
        sequence=1,
        interval_start=START,
        interval_end=START + 1_181,
        used_gpu_ms=USED,
        samples_root=keccak(b"samples"),
        devices=(device_hash("GPU-1"),),
        missed_intervals=MISSED,
    )
    group = UsageGroup(BUYER.address, 7, 1_000, (group_item(SERIES.id, USED),))
    return (
        ask,
        bid,
        receipt,
        voucher_of(receipt),
        group,
        *_statements(digest(bid, Domain(CHAIN_ID, MARKET))),
    )


def _statements(order: bytes) -> tuple[Struct, ...]:
    evidence = keccak(b"evidence")
    return (
        Attestation(
            provider=SELLER.address,
            device=device_hash("GPU-1"),
            parent=bytes(32),
            device_class=device_class_hash(CLASSES[0]),
            lane_milli=1_000,
            expiry=START + 30 * 24 * HOUR,
            evidence=evidence,
            simulated=False,
        ),
        Revocation(device_hash("GPU-1"), START + 30 * 24 * HOUR, evidence),
        Inventory(SELLER.address, AGENT.address, 1, START - HOUR, 1, keccak(b"report"), False),
        Acknowledgement(order, 2, 44, START - 100),
        Verdict(SERIES.id, BUYER.address, 1, 2, evidence),
    )


def _signed() -> tuple[type[Struct], ...]:
    return (*SIGNED_STRUCTS, AskConstraints, BidConstraints)


def _domains() -> Vectors:
    places = {"market": MARKET, "registry": REGISTRY, "arbitration": ARBITRATION}
    return {"chain_id": CHAIN_ID} | {
        name: {"address": place, "separator": _hex(Domain(CHAIN_ID, place).separator)}
        for name, place in places.items()
    }


def _signed_example(struct: Struct) -> Vectors:
    place = dict.fromkeys(("Attestation", "Revocation", "Inventory"), REGISTRY)
    place["Verdict"] = ARBITRATION
    domain = Domain(CHAIN_ID, place.get(struct.type_name, MARKET))
    whole = digest(struct, domain)
    signature = SELLER.sign_digest(whole)
    return {
        "message": typed_data_json(struct, domain)["message"],
        "hash_struct": _hex(struct.hash_struct()),
        "digest": _hex(whole),
        "signature_by_key_1": _hex(signature),
        "compact_signature_by_key_1": _hex(compact(signature)),
    }


def _words() -> Vectors:
    position = 2_000 | 1_000 << 64 | USED << 96 | SERIES.end << 160 | MISSED << 208
    account = 12_345_678 | 1 << 64 | 5 << 96 | 0b101 << 128
    record = 7_200_000 | 1_000 << 64 | 1 << 96 | (START - 100) << 128 | 4_000_000 << 168
    pay = int(SELLER.address, 16) | FEE_BPS << 160 | RESERVATION_BPS << 176 | CREDIT_BPS << 192
    return {
        "series": _word(SERIES.id),
        "group_item": _word(group_item(SERIES.id, USED)),
        "position": _word(position),
        "account": _word(account),
        "order_record": _word(record),
        "pay_terms": _word(pay | INTERVAL << 208 | 1_000 << 224),
    }


def _classes() -> Vectors:
    first, second, third = (device_class_hash(name) for name in CLASSES)
    pair = sorted_pair(first, second)
    leaf = keccak(int(SERIES.id).to_bytes(32, "big"))
    return {
        "names": list(CLASSES),
        "leaves": [_hex(first), _hex(second), _hex(third)],
        "first_pair": _hex(pair),
        "root": _hex(sorted_pair(pair, third)),
        "proof_of_first": [_hex(second), _hex(third)],
        "series_leaf": _hex(leaf),
    }


def sorted_pair(a: bytes, b: bytes) -> bytes:
    """An inner node of a class set: the hash of both children, the lower one first."""
    return keccak(min(a, b) + max(a, b))


def _money() -> Vectors:
    units, ticks = 2_000, SERIES.ticks
    paid = payment_down(USED, ticks)
    unused = 2 * HOUR * 1_000 - USED
    lost = 1_000 * INTERVAL * MISSED
    reservation = share_down(payment_down(unused - lost, ticks), RESERVATION_BPS)
    return {
        "cost": cost(units, ticks),
        "payment": paid,
        "fee": share_down(paid, FEE_BPS),
        "unused_gpu_ms": unused,
        "missed_gpu_ms": lost,
        "reservation_fee": reservation,
        "credit": share_down(payment_down(lost, ticks), CREDIT_BPS),
        "refund": cost(units, ticks) - paid - reservation,
    }


def _calendar() -> Vectors:
    hour = START // HOUR
    day, first, lanes = hour // 24, hour % 24, 2
    counters = lanes << 10 * first | lanes << 10 * (first + 1)
    return {
        "hour": hour,
        "day": day,
        "slot": day % 128,
        "word_of_2_lanes_for_2_hours": _word(counters | (day & 0xFFFF) << 240),
    }


def _creation() -> Vectors:
    deployer = bytes.fromhex(SELLER.address[2:])
    # RLP of [address, nonce] for a nonce from 1 to 127.
    places = {n: keccak(b"\xd6\x94" + deployer + bytes([n]))[-20:].hex() for n in (8, 12)}
    return {"deployer": SELLER.address} | {f"nonce_{n}": "0x" + at for n, at in places.items()}


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _word(value: int) -> str:
    return f"0x{value:064x}"


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(vectors(), indent=2) + "\n")


if __name__ == "__main__":
    main()
