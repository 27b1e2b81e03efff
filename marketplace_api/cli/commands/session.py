"""`gpubourse login`, `logout` and `keys`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from contracts.protocol.keys import Signer
from marketplace_api.cli.output import AsJson, emit_json, print_fields
from marketplace_api.cli.problems import ExitCode, refuse
from marketplace_api.cli.profile import Profile
from marketplace_api.client import Bourse

keys = typer.Typer(help="Make and show key files.", no_args_is_help=True)


def login(
    api_url: Annotated[str | None, typer.Option(help="Keep this API in the profile.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="Keep this key in the profile.")] = None,
    as_json: AsJson = False,
) -> None:
    """Log in with a wallet's signature and keep the session."""
    _keep_choices(api_url, key_file)
    profile = Profile.load()
    signer = profile.signer()
    with Bourse(profile.api_url) as bourse:
        session = bourse.login(signer)
    profile.keep_token(session.wallet, session.token)
    shown = {
        "wallet": session.wallet,
        "api_url": profile.api_url,
        "expires_at": session.expires_at,
    }
    emit_json(shown) if as_json else print_fields(shown)


def logout(as_json: AsJson = False) -> None:
    """End the kept session."""
    profile = Profile.load()
    wallet = profile.signer().address
    token = profile.token(wallet)
    if token is not None:
        with Bourse(profile.api_url, token=token) as bourse:
            bourse.logout()
    profile.drop_token(wallet)
    if as_json:
        emit_json({"wallet": wallet, "was_logged_in": token is not None})


@keys.command("new")
def new_key(
    name: Annotated[str, typer.Argument(help="Name of the key in the home folder.")] = "wallet",
    out: Annotated[Path | None, typer.Option(help="Write this file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key file that only its owner may read; never overwrites one."""
    profile = Profile.load()
    if out is None and (not name or "/" in name):
        refuse(
            "bad-name",
            f"{name!r} is no name of a key; write to a path with --out",
            field="name",
            limit="a plain name without '/'; --out takes a path",
            given=name,
            exit_code=ExitCode.USAGE,
        )
    path = out or profile.home / "keys" / f"{name}.key"
    signer = Signer.generate()
    try:
        signer.save(path)
    except FileExistsError:
        refuse(
            "key-exists", f"{path} is there already", field="out", limit="a new file", given=path
        )
    shown = {"address": signer.address, "file": str(path)}
    if as_json:
        emit_json(shown)
        return
    print_fields(shown)
    if path.resolve() != profile.key_file.resolve():
        print(f"to use it: export KEY_FILE={shlex.quote(str(path.resolve()))}")


@keys.command("show")
def show_key(
    key_file: Annotated[Path | None, typer.Argument(help="Default: the wallet's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the address of a key file, never the key."""
    profile = Profile.load()
    path = key_file or profile.key_file
    shown = {"address": profile.signer(path).address, "file": str(path)}
    emit_json(shown) if as_json else print_fields(shown)


def _keep_choices(api_url: str | None, key_file: Path | None) -> None:
    """What was given here becomes the default of later commands."""
    if api_url is None and key_file is None:
        return
    path = Profile.load().home / "profile.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if api_url is not None:
        known["api_url"] = api_url
    if key_file is not None:
        known["key_file"] = str(key_file.resolve())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=2) + "\n")
