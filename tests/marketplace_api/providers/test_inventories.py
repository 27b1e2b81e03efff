"""What agents report."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from contracts.protocol.keys import Signer
from contracts.protocol.series import device_hash
from contracts.protocol.typed_data import Inventory
from contracts.protocol.wire import canonical_hash, to_hex, to_wire
from marketplace_api.db import session_scope
from marketplace_api.models import Device, OutboxMessage
from tests.marketplace_api.market import CLASS, Actor, Market, Supplier


def body(
    market: Market,
    supplier: Supplier,
    cards: list[dict[str, Any]],
    signer: Signer | None = None,
    /,
    **changes: Any,
) -> dict[str, Any]:
    """A signed inventory."""
    report = {"devices": cards, "driver": "580.1"}
    claim = Inventory(**{
        "provider": supplier.owner.address,
        "agent": supplier.agent.address,
        "sequence": 1,
        "issued_at": market.now,
        "devices": len(cards),
        "report": canonical_hash(report),
        "simulated": any(d.get("simulated", False) for d in cards),
    } | changes)  # fmt: skip
    signature = (signer or supplier.agent.signer).sign(claim, market.deployment.registry_domain)
    return {"inventory": to_wire(claim), "signature": to_hex(signature), "report": report}


def card(uuid: str = "GPU-1", **more: Any) -> dict[str, Any]:
    """A reported device."""
    return {"uuid": uuid, "device_class": CLASS, "simulated": True, "memory_mib": 81559} | more


def send(agent: Actor, request: dict[str, Any]) -> Any:
    """Post it."""
    return agent.post("/v1/inventories", request)


class TestInventory:
    """A claim, until the chain says so."""

    def test_inventory__good__devices_claimed_and_work_for_settlement(self, market: Market) -> None:
        """The class gets its name, devices are listed without an attestation."""
        supplier = market.supplier(devices=0)
        name = "nvidia/a100/40gb/pcie"
        answer = send(supplier.agent, body(market, supplier, [card(device_class=name)]))
        assert answer.status_code == 202, answer.text
        view = market.http.get(f"/v1/providers/{supplier.owner.address}").json()
        assert [(d["uuid"], d["device_class"], d["attested_until"]) for d in view["devices"]] == [
            ("GPU-1", name, None)
        ]
        with session_scope() as session:
            row = session.scalars(select(OutboxMessage)).one()
            assert (row.kind, row.payload) == (
                "device.attest", {"inventory_id": answer.json()["id"]},
            )  # fmt: skip

    def test_inventory__repeat_and_older__same_answer_or_refused(self, market: Market) -> None:
        """A sequence is used once."""
        supplier = market.supplier(devices=0)
        first = body(market, supplier, [card()], sequence=5)
        answer = send(supplier.agent, first)
        assert send(supplier.agent, first).json() == answer.json()
        other = send(supplier.agent, body(market, supplier, [], sequence=5))
        assert other.json()["code"] == "inventory-differs"
        older = send(supplier.agent, body(market, supplier, [], sequence=4))
        assert older.json()["code"] == "inventory-old"

    def test_inventory__attested_device__named_but_not_changed(self, market: Market) -> None:
        """A claim never overwrites what auditors attested."""
        supplier = market.supplier(devices=0)
        device = market.device(supplier.owner.address)
        device.hash, device.uuid = to_hex(device_hash("GPU-1")), None
        market.add(device)
        claim = card(device_class="nvidia/a100/40gb/pcie", simulated=False)
        assert send(supplier.agent, body(market, supplier, [claim])).status_code == 202
        with session_scope() as session:
            found = session.scalars(select(Device)).one()
            assert (found.uuid, found.simulated) == ("GPU-1", True)
            assert found.attested_until is not None

    def test_inventory__device_of_another_provider__refused(self, market: Market) -> None:
        """What is attested to somebody can't be claimed."""
        owner, thief = market.supplier(), market.supplier(devices=0)
        with session_scope() as session:
            uuid = session.scalars(
                select(Device.uuid).where(Device.provider == owner.owner.address)
            ).one()
        answer = send(thief.agent, body(market, thief, [card(str(uuid))]))
        assert (answer.status_code, answer.json()["code"]) == (409, "device-taken")

    def test_inventory__bad__refused_by_field(self, market: Market) -> None:
        """Counts, hashes, parties and names must fit."""
        supplier, rival = market.supplier(devices=0), market.supplier(devices=0)
        agent = supplier.agent
        cases: list[tuple[dict[str, Any], int, str]] = [
            (body(market, supplier, [card()], devices=2), 422, "inventory.devices"),
            (body(market, supplier, [card()], report=bytes(32)), 422, "inventory.report"),
            (body(market, supplier, [card()], simulated=False), 422, "inventory.simulated"),
            (body(market, supplier, [card()], issued_at=1), 422, "inventory.issued_at"),
            (body(market, supplier, [card(), card()]), 422, "report.devices"),
            (body(market, supplier, [card(device_class="H100")]), 422, "device_class"),
            (body(market, supplier, [{"uuid": "x"}]), 422, "report.devices.0.device_class"),
            (body(market, supplier, [card("a\x00b")]), 422, "report.devices.0.uuid"),
            (body(market, supplier, [card(note="\x00")]), 422, "report"),
            (body(market, supplier, [card()], supplier.owner.signer), 422, "signature"),
            (body(market, rival, [card()]), 403, "inventory.agent"),
            (body(market, supplier, [card()], provider=rival.owner.address), 403,
             "inventory.provider"),
        ]  # fmt: skip
        for request, status, field in cases:
            answer = send(agent, request)
            assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
        for note in ("\ud800", 1 << 60):
            request = body(market, supplier, [card()]) | {"report": {"devices": [], "note": note}}
            answer = agent.http.post(
                "/v1/inventories",
                content=json.dumps(request),
                headers=agent._headers() | {"Content-Type": "application/json"},
            )
            assert (answer.status_code, answer.json()["field"]) == (422, "report"), answer.text
        with session_scope() as session:
            assert session.scalars(select(Device)).all() == []


class TestHeartbeat:
    """Whether the agent is there."""

    def test_heartbeat__devices__health_is_noted(self, market: Market) -> None:
        """A sick device offers nothing; the next beat may bring it back."""
        supplier = market.supplier()
        path = f"/v1/providers/{supplier.owner.address}"
        uuid = market.http.get(path).json()["devices"][0]["uuid"]
        for healthy in (False, True):
            beat = {"devices": [{"uuid": uuid, "healthy": healthy}], "leases": []}
            assert supplier.agent.post("/v1/agent/heartbeat", beat).status_code == 200
            view = market.http.get(path).json()
            assert (view["online"], view["devices"][0]["healthy"]) == (True, healthy)
        market.clock.advance(7200)
        assert market.http.get(path).json()["online"] is False

    def test_describe__owner__name_and_region(self, market: Market) -> None:
        """The owner names the provider; somebody else is none."""
        supplier, stranger = market.supplier(), market.join()
        named = supplier.owner.put("/v1/providers/me", json={"name": "Attic", "region": "eu"})
        assert (named.json()["name"], named.json()["region"]) == ("Attic", "eu")
        refused = stranger.put("/v1/providers/me", json={"name": "x"})
        assert (refused.status_code, refused.json()["code"]) == (409, "not-registered")
