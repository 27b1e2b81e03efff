"""The token URI: JSON and SVG that parse, with the same facts as the id and the terms."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from bourse import Bourse, terms
from brownie import accounts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.protocol.hashing import keccak
from contracts.protocol.series import Isolation, Series, device_class_hash

JSON, SVG = "data:application/json;base64,", "data:image/svg+xml;base64,"
SVG_TAG = "{http://www.w3.org/2000/svg}"
NAME = "nvidia/h100/80gb/sxm"
START = int(datetime(2026, 11, 24, 14, tzinfo=UTC).timestamp())
PROVIDER = "0x52908400098527886E0F7030069857D2E4169EE7"


def decoded(uri: str, prefix: str) -> str:
    assert uri.startswith(prefix)
    return b64decode(uri.removeprefix(prefix), validate=True).decode("ascii")


def shown(metadata: Any, series: int) -> dict[str, Any]:
    document = json.loads(decoded(metadata.uri(series), JSON))
    assert list(document) == ["name", "description", "decimals", "image", "attributes"]
    assert document["decimals"] == 3
    assert isinstance(document, dict)
    return document


def texts(document: dict[str, Any]) -> list[str]:
    """The lines of the picture, which must be well formed and hold nothing but text."""
    root = ET.fromstring(decoded(document["image"], SVG))  # noqa: S314 - drawn by our contract
    assert root.tag == SVG_TAG + "svg"
    assert {child.tag for child in root} == {SVG_TAG + "rect", SVG_TAG + "text"}
    return [child.text or "" for child in root if child.tag == SVG_TAG + "text"]


def traits(document: dict[str, Any]) -> dict[str, Any]:
    values = {entry["trait_type"]: entry["value"] for entry in document["attributes"]}
    assert len(values) == len(document["attributes"])
    return values


def iso(time: int) -> str:
    return f"{datetime.fromtimestamp(time, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_uri__named_class__every_fact(metadata: Any, words: Any) -> None:
    sender = {"from": accounts[1]}
    metadata.nameClass(NAME, sender)
    plain = terms(
        device_class=device_class_hash(NAME),
        reservation_fee_bps=500,
        sla_credit_bps=1_005,
        interruptible=True,
        notice=120,
    )
    words.setTerms(17, PROVIDER, plain, sender)
    document = shown(metadata, Series(START, 3_600, 2_500, 1_000, 17).id)
    assert document["name"] == "GPU time nvidia/h100/80gb/sxm 2026-11-24 14:00 UTC, 1 h"
    assert document["description"] == (
        "1.000 is one GPU-hour of nvidia/h100/80gb/sxm, isolation device, "
        "between 2026-11-24 14:00 UTC and 2026-11-24 15:00 UTC. "
        "It cost 2.500 per GPU-hour in the market's payment token; "
        "what is not used is refunded less a reservation fee of 5.00 %. "
        "Transferable in steps of 1000 milli until shortly before the start."
    )
    assert traits(document) == {
        "Class": NAME,
        "Start": "2026-11-24T14:00:00Z",
        "End": "2026-11-24T15:00:00Z",
        "Start time": START,
        "End time": START + 3_600,
        "Duration": "1 h",
        "Price per GPU-hour": "2.500",
        "Provider": PROVIDER,
        "Terms": 17,
        "Isolation": "device",
        "Step (milli)": 1_000,
        "Reservation fee": "5.00 %",
        "SLA credit": "10.05 %",
        "Interruptible": "yes",
        "Notice": "2 min",
    }
    displays = {e["trait_type"]: e["display_type"] for e in document["attributes"] if len(e) == 3}
    assert displays == {
        "Start time": "date",
        "End time": "date",
        "Terms": "number",
        "Step (milli)": "number",
    }
    assert texts(document) == [
        "GPU time",
        NAME,
        "2026-11-24 14:00 UTC",
        "for 1 h",
        "2.500 per GPU-hour",
        "isolation device, interruptible",
        "terms 17",
    ]


def test_uri__class_that_nobody_named__its_hash(metadata: Any, words: Any) -> None:
    class_hash = keccak(b"unheard/of")
    words.setTerms(1, PROVIDER, terms(device_class=class_hash), {"from": accounts[1]})
    document = shown(metadata, Series(START, 36, 1, 1_000, 1).id)
    short = f"0x{class_hash.hex()[:8]}..."
    assert document["name"] == f"GPU time {short} 2026-11-24 14:00 UTC, 36 s"
    assert traits(document)["Class"] == "0x" + class_hash.hex()
    assert traits(document)["Interruptible"] == "no"
    assert texts(document)[1] == short


def test_uri__longest_name__in_lines_that_fit(metadata: Any, words: Any) -> None:
    name, sender = "abcdefgh/." * 9 + "012345", {"from": accounts[1]}
    metadata.nameClass(name, sender)
    words.setTerms(1, PROVIDER, terms(device_class=keccak(name.encode())), sender)
    document = shown(metadata, Series(START, 36, 1, 1_000, 1).id)
    lines = texts(document)[1:5]
    assert "".join(lines) == name
    assert max(map(len, lines)) == 28


@pytest.mark.parametrize(
    "series",
    [
        0,
        2**256 - 1,
        Series(START, 3_600, 1, 1_000, 0).id,
        Series(START, 3_600, 1, 1_000, 2).id,
        Series(START, 3_600, 1, 1_000, 2**64 - 1).id,
        Series(START, 3_600, 1, 1_000, 1).id | 1 << 184,
    ],
)
def test_uri__unknown_terms__says_so(metadata: Any, words: Any, series: int) -> None:
    words.setTerms(1, PROVIDER, terms(), {"from": accounts[1]})
    document = shown(metadata, series)
    assert document["name"] == "GPU time of unknown terms"
    (attribute,) = document["attributes"]
    assert attribute["trait_type"] == "Series"
    assert int(attribute["value"], 16) == series
    assert texts(document) == ["GPU time", "unknown terms"]


# A dozen wide numbers: Hypothesis cuts many first attempts short and would call that unhealthy.
@settings(suppress_health_check=[HealthCheck.data_too_large])
@given(data=st.data())
def test_uri__any_id_and_terms__parses_and_says_the_same(
    deployed_metadata: Any, words: Any, data: Any
) -> None:
    def number(bits: int) -> int:
        return int(data.draw(st.integers(0, 2**bits - 1)))

    series = Series(number(37), number(24), number(40), number(16), max(1, number(64)))
    drawn = terms(
        device_class=data.draw(st.binary(min_size=32, max_size=32)),
        isolation=number(8),
        step=number(16),
        reservation_fee_bps=number(16),
        sla_credit_bps=number(16),
        interruptible=data.draw(st.booleans()),
        notice=number(32),
    )
    provider = accounts.at("0x" + number(160).to_bytes(20, "big").hex(), force=True).address
    words.setTerms(series.terms, provider, drawn, {"from": accounts[1]})
    document = shown(deployed_metadata, series.id)
    facts = traits(document)
    class_hash, isolation, step = "0x" + drawn[0].hex(), drawn[1], drawn[2]
    assert (facts["Class"], facts["Step (milli)"]) == (class_hash, step)
    known = isolation in range(1, 6)
    assert facts["Isolation"] == (Isolation(isolation).name.lower() if known else str(isolation))
    assert (facts["Start"], facts["End"]) == (iso(series.start), iso(series.end))
    assert (facts["Start time"], facts["End time"]) == (series.start, series.end)
    assert facts["Price per GPU-hour"] == f"{series.ticks // 1_000}.{series.ticks % 1_000:03d}"
    assert (facts["Provider"], facts["Terms"]) == (provider, series.terms)
    assert facts["Reservation fee"] == f"{drawn[3] // 100}.{drawn[3] % 100:02d} %"
    assert facts["SLA credit"] == f"{drawn[4] // 100}.{drawn[4] % 100:02d} %"
    assert facts["Interruptible"] == ("yes" if drawn[5] else "no")
    assert texts(document)[-1] == f"terms {series.terms}"


@given(series=st.integers(0, 2**256 - 1))
def test_uri__any_word__parses(deployed_metadata: Any, series: int) -> None:
    texts(shown(deployed_metadata, series))


def test_uri__of_the_market__shows_registered_terms(bourse: Bourse) -> None:
    bourse.metadata.nameClass(NAME, {"from": accounts[1]})
    series = bourse.series()
    facts = traits(shown(bourse.market, series))
    assert (facts["Class"], facts["Provider"]) == (NAME, bourse.address("provider"))
    assert shown(bourse.market, series + (1 << 120))["name"] == "GPU time of unknown terms"
