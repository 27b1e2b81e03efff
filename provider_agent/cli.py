"""``gpubourse agent ...``: make, enrol, start, stop and examine the agent of one provider."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from contracts.protocol.amounts import parse_tokens
from contracts.protocol.deployment import Deployment
from contracts.protocol.errors import ProtocolError
from contracts.protocol.keys import Signer
from contracts.protocol.series import parse_isolation
from provider_agent import process
from provider_agent.chain import ChainReader
from provider_agent.doctor import examine
from provider_agent.gpu.select import open_backend
from provider_agent.home import AgentHome, Enrolment, Place
from provider_agent.main import EXPECTED, configure_logging, make_client, run_agent
from provider_agent.settings import AgentSettings

if TYPE_CHECKING:
    from provider_agent.enrol import TermsWish

app = typer.Typer(no_args_is_help=True, help="Offer this machine's GPUs: enrol, start, stop.")

Home = Annotated[
    Path,
    typer.Option("--home", envvar="AGENT_HOME", help="The agent's folder: keys, journal, jobs."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Bond = Annotated[str, typer.Option(help="Tokens to hold as the bond, e.g. 1000.00.")]
DeviceClass = Annotated[
    str | None, typer.Option(help="Class to register terms for; default: of our devices.")
]
IsolationName = Annotated[
    str, typer.Option(help="How a share is fenced: timeslice, mps, mig, device or host.")
]
Step = Annotated[int, typer.Option(min=1, max=1000, help="Smallest milli sold.")]
ReservationFee = Annotated[int, typer.Option(min=0, max=5000)]
ReceiptInterval = Annotated[int, typer.Option(min=1, help="Seconds between receipts.")]
SlaCredit = Annotated[
    int, typer.Option(min=0, max=10_000, help="Credit for missed time, in 0.01 % of its price.")
]
Notice = Annotated[
    int, typer.Option(min=0, help="Seconds of notice before an interruption; 0: never one.")
]
ArbiterSet = Annotated[int, typer.Option(min=0, help="Who decides cases; 0: nobody.")]
UnsignedIntervals = Annotated[int, typer.Option(min=1, help="Unsigned receipts to work on for.")]
DEFAULT_HOME = Path("~/.gpubourse/agent")


@app.command()
def init(
    home: Home = DEFAULT_HOME,
    owner_key: Annotated[
        Path | None, typer.Option(help="Use this owner wallet instead of a new one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the agent's folder with an owner key and an agent key; keeps those that are there."""
    with _refusals(as_json=as_json):
        place = AgentHome.at(home)
        if not place.owner_key.exists():
            owner = Signer.load(owner_key) if owner_key else Signer.generate()
            owner.save(place.owner_key)
        if not place.agent_key.exists():
            Signer.generate().save(place.agent_key)
        _print(
            {
                "home": str(place.root),
                "owner": place.owner().address,
                "agent": place.agent().address,
            },
            as_json=as_json,
        )


@app.command()
def enrol(
    home: Home = DEFAULT_HOME,
    bond: Bond = "0",
    device_class: DeviceClass = None,
    isolation: IsolationName = "device",
    step: Step = 1000,
    reservation_fee_bps: ReservationFee = 0,
    receipt_interval: ReceiptInterval = 10,
    unsigned_intervals: UnsignedIntervals = 3,
    sla_credit_bps: SlaCredit = 0,
    notice: Notice = 0,
    arbiter_set: ArbiterSet = 0,
    as_json: Json = False,
) -> None:
    """Register on chain as a provider, pay in the bond, register terms; safe to run again."""
    # web3 alone takes a second to import: the other commands do without it.
    from provider_agent.enrol import TermsWish  # noqa: PLC0415

    with _refusals(as_json=as_json):
        settings, agent_home = AgentSettings(), AgentHome.at(home)
        seed, fence = agent_home.agent().address, parse_isolation(isolation)
        classes = [device_class] if device_class else _classes(settings, seed)
        rest = (fence, step, reservation_fee_bps, receipt_interval, unsigned_intervals)
        promises = (sla_credit_bps, notice, arbiter_set)
        wishes = [TermsWish(name, *rest, *promises) for name in classes]
        held = parse_tokens(bond, "bond")
        enrolment = _enrol(agent_home, settings, wishes, held, _say(as_json=as_json))
        shown: dict[str, object] = {
            "provider": enrolment.provider,
            "agent": seed,
            "terms": list(enrolment.terms),
            "device_classes": classes,
        }
        _print(shown, as_json=as_json)


@app.command()
def start(
    home: Home = DEFAULT_HOME,
    detach: Annotated[bool, typer.Option(help="Run in the background.")] = False,
    as_json: Json = False,
) -> None:
    """Run the agent until it is stopped."""
    with _refusals(as_json=as_json):
        agent_home = AgentHome.at(home)
        found = process.running(agent_home)
        if found is None and not detach:
            configure_logging()
            run_agent(agent_home, AgentSettings())
            return
        is_new = found is None
        found = found or process.detach(agent_home)
        _print({"pid": found.pid, "started": is_new, "log": str(agent_home.log)}, as_json=as_json)


@app.command()
def stop(
    home: Home = DEFAULT_HOME,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for running jobs.")] = 60,
    as_json: Json = False,
) -> None:
    """Take no more work, end running jobs within the grace time, report and stop."""
    with _refusals(as_json=as_json):
        _print({"stopped": process.stop(AgentHome.at(home), timeout)}, as_json=as_json)


@app.command()
def status(home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Show whether the agent runs, its devices and leases; exit code 3 where it does not run."""
    with _refusals(as_json=as_json):
        agent_home = AgentHome.at(home)
        found = process.running(agent_home)
        said = agent_home.status_file
        last = json.loads(said.read_text()) if found and said.exists() else {}
        _print({"running": found is not None, "pid": found and found.pid, **last}, as_json=as_json)
        if found is None:
            raise typer.Exit(3)


@app.command()
def doctor(home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Check whether this machine can serve jobs; exit code 1 where something is missing."""
    findings = []
    for finding in examine(AgentHome.at(home), AgentSettings()):
        findings.append(finding)
        if not as_json:
            mark = "ok " if finding.ok else "NO "
            print(f"{mark} {finding.name}: {finding.detail}")
    if as_json:
        print(json.dumps({"findings": [asdict(finding) for finding in findings]}))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _enrol(
    home: AgentHome,
    settings: AgentSettings,
    wishes: list[TermsWish],
    bond: int,
    say: Callable[[str], None],
) -> Enrolment:
    from provider_agent.enrol import Registrar  # noqa: PLC0415 - see enrol

    owner, agent = home.owner(), home.agent()
    with ExitStack() as stack:
        place, rpc_url = _place(settings, agent, stack)
        _, http = make_client(settings, agent, stack)
        registrar = Registrar(rpc_url, place, owner, ChainReader(rpc_url, http), say)
        registrar.register(agent.address)
        if bond:
            registrar.ensure_bond(bond)
        enrolment = Enrolment(owner.address, place, _known_terms(home, place))
        for wish in wishes:
            number = registrar.ensure_terms(wish, enrolment.terms)
            if number not in enrolment.terms:
                enrolment = replace(enrolment, terms=(*enrolment.terms, number))
            home.save_enrolment(enrolment)
        return enrolment


def _place(settings: AgentSettings, agent: Signer, stack: ExitStack) -> tuple[Place, str]:
    """The operator's file is believed first; the API only where there is none."""
    if settings.deployment_file is not None and settings.rpc_url is not None:
        found = Deployment.load(settings.deployment_file)
        place = Place(found.chain_id, found.market, found.registry, found.payment_token)
        return place, settings.rpc_url
    client, _ = make_client(settings, agent, stack)
    market = client.market()
    place = Place(market.chain_id, market.market, market.registry, market.payment_token)
    return place, settings.rpc_url or market.rpc_url


def _known_terms(home: AgentHome, place: Place) -> tuple[int, ...]:
    if not home.enrolment_file.exists():
        return ()
    known = home.enrolment()
    return known.terms if known.place == place else ()


def _classes(settings: AgentSettings, seed: str) -> list[str]:
    backend = open_backend(
        settings.gpu_backend, seed, settings.simulated_devices, settings.simulated_name
    )
    try:
        return sorted({device.device_class for device in backend.devices() if device.healthy})
    finally:
        backend.close()


@contextmanager
def _refusals(*, as_json: bool) -> Iterator[None]:
    try:
        yield
    except ProtocolError as error:
        _refuse(
            {
                "error": error.code,
                "field": error.field,
                "limit": error.limit,
                "given": str(error.given),
            },
            str(error),
            as_json=as_json,
        )
    except EXPECTED as error:
        _refuse({"error": type(error).__name__, "detail": str(error)}, str(error), as_json=as_json)


def _refuse(data: dict[str, str], text: str, *, as_json: bool) -> NoReturn:
    print(json.dumps(data) if as_json else f"error: {text}", file=sys.stderr)
    raise typer.Exit(1)


def _say(*, as_json: bool) -> Callable[[str], None]:
    # Progress is for people; a program reads the one object on standard output.
    return lambda text: print(text, file=sys.stderr if as_json else sys.stdout)


def _print(data: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(data))
        return
    for name, value in data.items():
        title = name.replace("_", " ")
        if not isinstance(value, list):
            print(f"{title}: {value}")
            continue
        print(f"{title}:" if value else f"{title}: none")
        for item in value:
            print(f"  {_line(item)}")


def _line(item: object) -> str:
    """One entry of a list: its values side by side; what is not there is left out."""
    if not isinstance(item, dict):
        return str(item)
    words = []
    for name, value in item.items():
        if isinstance(value, bool):
            words.append(name if value else f"not {name}")
        elif isinstance(value, list):
            words += [f"{name} {', '.join(map(str, value))}"] if value else []
        elif value is not None:
            words.append(str(value))
    return "  ".join(words)
