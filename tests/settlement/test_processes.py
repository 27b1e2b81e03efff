"""The real processes: relay, watcher, Celery worker on Valkey, a chain with 1 s blocks."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine

from contracts.protocol.keys import Signer
from contracts.protocol.lifecycle import LeaseStatus
from marketplace_api.db import session_scope
from marketplace_api.embedded import process, valkey
from marketplace_api.embedded.process import ProcessRef
from marketplace_api.embedded.server import free_port
from marketplace_api.models import ServiceHeartbeat
from settlement import context as settlement_context
from settlement import reconcile
from settlement.chain.watcher import Watcher
from settlement.settings import SettlementSettings
from tests.settlement import chain_node
from tests.settlement.world import World, eventually

pytestmark = pytest.mark.integration

WORKER = (
    "-m", "celery", "-A", "settlement.celery_app", "worker", "--pool", "threads",
    "--concurrency", "4", "--without-gossip", "--without-mingle",
)  # fmt: skip


class Stack:
    """The processes of one test."""

    def __init__(self, folder: Path, settings: SettlementSettings) -> None:
        self.folder = folder
        self.refs: list[ProcessRef] = []
        self.environment = {
            **os.environ,
            "DATABASE_URL": settings.database_url,
            "BROKER_URL": settings.broker_url,
            "RPC_URL": settings.rpc_url,
            "DEPLOYMENT_FILE": str(settings.deployment_file),
            "OPERATOR_KEY_FILE": str(settings.operator_key_file),
            "AUDITOR_KEY_FILES": ",".join(str(path) for path in settings.auditor_key_files),
            "GPUBOURSE_HOME": str(settings.gpubourse_home),
            "OUTBOX_LEASE_S": "3",
            "RECONCILE_S": "5",
        }

    def start(self, *arguments: str) -> ProcessRef:
        """Start a Python process in the project's folder."""
        ref = process.spawn(
            [sys.executable, *arguments],
            log=self.folder / f"{len(self.refs)}.log",
            env=self.environment,
            cwd=chain_node.PROJECT,
        )
        self.refs.append(ref)
        return ref

    def stop(self) -> None:
        """End all of them."""
        for ref in self.refs:
            process.stop(ref, grace_s=3)


@pytest.fixture
def living(
    tmp_path: Path, database_url: str, engine: Engine, keys: dict[str, Signer]
) -> Iterator[tuple[World, Stack]]:
    """An enrolled market on a chain with 1 s blocks; the processes are for the test to start."""
    node = chain_node.start(tmp_path, block_time_s=1)
    broker = valkey.start(tmp_path / "valkey", free_port())
    node.fund(keys["operator"].address)
    auditors = (keys["auditor-1"], keys["auditor-2"])
    names = tuple(key.address for key in auditors)
    deployment = chain_node.deploy(node, keys["treasury"].address, names)
    for name, key in keys.items():
        key.save(tmp_path / f"{name}.key")
    settings = SettlementSettings(
        database_url=database_url,
        broker_url=broker.url,
        rpc_url=node.url,
        deployment_file=chain_node.write(deployment, tmp_path / "deployment.json"),
        operator_key_file=tmp_path / "operator.key",
        auditor_key_files=(tmp_path / "auditor-1.key", tmp_path / "auditor-2.key"),
        gpubourse_home=tmp_path / "home",
    )
    context = settlement_context.build(settings)
    watcher = Watcher(context.chain, deployment, 1)
    world = World(node, context, watcher, auditors, (), keys["treasury"])
    stack = Stack(tmp_path, settings)
    try:
        yield world, stack
    finally:
        stack.stop()
        valkey.stop(broker)
        process.stop(node.ref)
        context.engine.dispose()


def is_active(world: World, lease_id: UUID) -> bool:
    """Whether the fill is confirmed."""
    return world.lease(lease_id).status is LeaseStatus.ACTIVE


def beats(name: str) -> bool:
    """Whether a process has said that it lives."""
    with session_scope() as session:
        return session.get(ServiceHeartbeat, name) is not None


def test_processes__fills_are_fast__and_a_killed_worker_costs_only_its_lease(
    living: tuple[World, Stack],
) -> None:
    """Match to confirmed fill within 1.8 s (median); kill -9 in between loses nothing."""
    world, stack = living
    stack.start("-m", "settlement.relay")
    stack.start("-m", "settlement.chain.watcher")
    worker = stack.start(*WORKER)
    world.watch = lambda: None  # type: ignore[method-assign]
    world.work = lambda: 0  # type: ignore[method-assign]
    eventually(lambda: beats("watcher") and beats("relay") and beats("reconcile"), 30)
    world.enrol()
    # A device is sold once in an hour that it serves.
    world.post_inventory(*(f"GPU-{number}" for number in range(8)))
    eventually(lambda: all(message.done_at for message in world.messages_all()), 20)

    delays: list[float] = []
    begin = int(time.time())
    for number in range(4):
        ask = world.ask(begin)
        started = time.monotonic()
        lease_id = world.match_ask(ask, begin + 18 * number)
        eventually(lambda lease_id=lease_id: is_active(world, lease_id), 15)
        delays.append(time.monotonic() - started)
        time.sleep(0.37)
    assert statistics.median(delays) < 1.8, delays

    os.kill(worker.pid, 9)
    lease_id = world.match_ask(world.ask(begin), begin + 18 * 5)
    time.sleep(1)
    assert not is_active(world, lease_id)
    stack.start(*WORKER)
    eventually(lambda: is_active(world, lease_id), 20)
    assert reconcile.run(world.context) == []
