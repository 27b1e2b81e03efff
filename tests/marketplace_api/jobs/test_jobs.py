"""Jobs, logs and files, from both sides of a lease."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from marketplace_api.models import Lease
from tests.marketplace_api.market import Actor, Market, Supplier


class Scene:
    """An active lease."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.supplier: Supplier = market.supplier()
        self.buyer: Actor = market.buyer()
        self.lease: Lease = market.lease(self.supplier, self.buyer)

    def submit(self, **changes: Any) -> dict[str, Any]:
        """Queue a job."""
        body = {"name": "train", "argv": ["python3", "train.py"]} | changes
        answer = self.buyer.post(f"/v1/leases/{self.lease.id}/jobs", body)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def say(self, job: str, status: str, **more: Any) -> Any:
        """What the agent says."""
        return self.supplier.agent.post(f"/v1/jobs/{job}/status", {"status": status} | more)

    def log(self, job: str, offset: int, data: bytes) -> Any:
        """What the job prints."""
        text = base64.b64encode(data).decode()
        body = {"offset": offset, "data_base64": text}
        return self.supplier.agent.post(f"/v1/jobs/{job}/log", body)

    def store(self, who: Actor, content: bytes) -> str:
        """Upload a file."""
        name = hashlib.sha256(content).hexdigest()
        answer = who.put(f"/v1/blobs/{name}", content=content)
        assert answer.json() == {"sha256": name, "size": len(content)}
        return name


@pytest.fixture
def scene(market: Market) -> Scene:
    """An active lease."""
    return Scene(market)


class TestInputs:
    """What a job is given."""

    @pytest.mark.parametrize("paths", [("a/b", "a"), ("a", "a/b"), ("a/b/c", "a"), ("a", "a")])
    def test_submit__file_as_folder__is_refused(self, scene: Scene, paths: tuple[str, str]) -> None:
        """No agent could lay these out; nothing is queued."""
        inputs = [{"path": path, "sha256": scene.store(scene.buyer, b"1")} for path in paths]
        url = f"/v1/leases/{scene.lease.id}/jobs"
        answer = scene.buyer.post(url, {"name": "x", "argv": ["x"], "inputs": inputs})
        assert answer.status_code == 422
        problem = answer.json()
        assert (problem["field"], problem["limit"]) == (
            "inputs.path", "each path once, and no file as a folder",
        )  # fmt: skip
        assert scene.buyer.get(url).json() == []


class TestLife:
    """Queued, assigned, running, over."""

    def test_life__all_steps__agent_and_buyer_agree(self, scene: Scene) -> None:
        """What the agent says is what the buyer reads; a repeated word is no error."""
        source = scene.store(scene.buyer, b"print(1)")
        job = scene.submit(inputs=[{"path": "train.py", "sha256": source}])
        work = scene.supplier.agent.get("/v1/agent/work").json()
        assert [item["id"] for item in work[0]["jobs"]] == [job["id"]]
        assert work[0]["lease"]["id"] == str(scene.lease.id)
        assert work[0]["lease"]["last_sequence"] == 0
        assert scene.supplier.agent.get(f"/v1/blobs/{source}").content == b"print(1)"
        assert scene.say(job["id"], "assigned").status_code == 200
        assert scene.say(job["id"], "running").status_code == 200
        assert scene.say(job["id"], "running").status_code == 200
        model = scene.store(scene.supplier.agent, b"weights")
        end = scene.say(
            job["id"], "succeeded", exit_code=0, reason="exit", peak_memory_bytes=1 << 20,
            cpu_seconds=1.25, outputs=[{"path": "model.bin", "sha256": model, "size": 7}],
        )  # fmt: skip
        assert end.status_code == 200, end.text
        view = scene.buyer.get(f"/v1/jobs/{job['id']}").json()
        assert (view["status"], view["exit_code"], view["reason"], view["cpu_seconds"]) == (
            "succeeded", 0, "exit", 1.25,
        )  # fmt: skip
        assert view["outputs"] == [{"path": "model.bin", "sha256": model, "size": 7}]
        assert scene.buyer.get(f"/v1/blobs/{model}").content == b"weights"
        assert scene.supplier.agent.get("/v1/agent/work").json() == []

    def test_life__cancel__queued_at_once_running_through_the_agent(self, scene: Scene) -> None:
        """The agent sees the wish in its work."""
        queued, running = scene.submit()["id"], scene.submit()["id"]
        for status in ("assigned", "running"):
            scene.say(running, status)
        assert scene.buyer.post(f"/v1/jobs/{queued}/cancel").json()["status"] == "cancelled"
        wish = scene.buyer.post(f"/v1/jobs/{running}/cancel").json()
        assert (wish["status"], wish["cancel_requested"]) == ("running", True)
        work = scene.supplier.agent.get("/v1/agent/work", wait=5).json()
        assert [job["cancel_requested"] for job in work[0]["jobs"]] == [True]
        assert scene.say(running, "cancelled", reason="killed").status_code == 200

    def test_life__lease_over__no_more_jobs(self, scene: Scene) -> None:
        """Nothing is queued that could not run."""
        scene.market.clock.advance(72)
        body = {"name": "x", "argv": ["x"]}
        answer = scene.buyer.post(f"/v1/leases/{scene.lease.id}/jobs", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "lease-over")

    def test_blob__of_others__readable_only_by_parties(self, scene: Scene) -> None:
        """Naming a file in a job is no way to somebody else's file."""
        stranger = scene.market.buyer()
        secret = scene.store(stranger, b"secret")
        job = {"name": "x", "argv": ["x"], "inputs": [{"path": "a", "sha256": secret}]}
        refused = scene.buyer.post(f"/v1/leases/{scene.lease.id}/jobs", job)
        assert (refused.status_code, refused.json()["field"]) == (404, "inputs.sha256")
        assert scene.buyer.get(f"/v1/blobs/{secret}").status_code == 403
        mine = scene.submit()["id"]
        for status in ("assigned", "running"):
            scene.say(mine, status)
        outputs = [{"path": "a", "sha256": secret, "size": 6}]
        assert scene.say(mine, "succeeded", outputs=outputs).json()["field"] == "outputs.sha256"
        assert scene.supplier.agent.get(f"/v1/blobs/{secret}").status_code == 403
        scene.store(scene.buyer, b"secret")
        assert scene.buyer.get(f"/v1/blobs/{secret}").status_code == 200


class TestLog:
    """What a job prints."""

    def test_log__pieces__appended_once(self, scene: Scene) -> None:
        """Repeats and overlaps are compared, never doubled; other bytes are refused."""
        job = scene.submit()["id"]
        assert scene.log(job, 0, b"one ").json() == {"next_offset": 4}
        assert scene.log(job, 0, b"one ").json() == {"next_offset": 4}
        assert scene.log(job, 2, b"e two").json() == {"next_offset": 7}
        assert scene.log(job, 0, b"ONE").json()["code"] == "log-differs"
        assert scene.log(job, 8, b"x").json()["code"] == "log-gap"
        assert scene.buyer.get(f"/v1/jobs/{job}/log").content == b"one two"
        assert scene.buyer.get(f"/v1/jobs/{job}/log", offset=5).content == b"wo"
        assert scene.buyer.get(f"/v1/jobs/{job}/log", offset=99).content == b""

    def test_log__more_than_the_limit__refused(self, scene: Scene) -> None:
        """The output limit of the job holds here too."""
        job = scene.submit(limits={"output_mib": 1})["id"]
        piece = b"x" * (256 * 1024)
        for number in range(4):
            assert scene.log(job, number * len(piece), piece).status_code == 200
        assert scene.log(job, 4 * len(piece), b"x").json()["code"] == "log-full"

    def test_stream__finished_job__all_events_then_end(self, scene: Scene) -> None:
        """Characters are not torn apart; the last event is the end."""
        job = scene.submit()["id"]
        for status in ("assigned", "running"):
            scene.say(job, status)
        text = "läuft ✓\n".encode()
        scene.log(job, 0, text[:2])
        scene.log(job, 2, text[2:])
        scene.say(job, "succeeded", exit_code=0, reason="exit")
        events = self._events(scene, job)
        assert events[0] == ("log", str(len(text)), {
            "offset": 0, "text": "läuft ✓\n", "next_offset": len(text),
        })  # fmt: skip
        assert events[-1][0::2] == (
            "status", {"status": "succeeded", "exit_code": 0, "reason": "exit"},
        )  # fmt: skip
        assert len(events) == 2

    def test_stream__resumed__from_the_last_id(self, scene: Scene) -> None:
        """`Last-Event-ID` is the next byte."""
        job = scene.submit()["id"]
        scene.log(job, 0, b"one\ntwo\n")
        scene.buyer.post(f"/v1/jobs/{job}/cancel")
        events = self._events(scene, job, {"Last-Event-ID": "4"})
        assert events[0][2]["text"] == "two\n"

    @staticmethod
    def _events(
        scene: Scene, job: str, more: dict[str, str] | None = None
    ) -> list[tuple[str, str | None, dict[str, Any]]]:
        headers = {"Authorization": f"Bearer {scene.buyer.token}"} | (more or {})
        answer = scene.market.http.get(f"/v1/jobs/{job}/log/stream", headers=headers)
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = []
        for block in answer.text.replace("\r\n", "\n").strip().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            events.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
        return events
