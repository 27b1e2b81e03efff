"""Signatures: what recovers, what is refused, and key files."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.protocol.errors import ProtocolError, SignatureError
from contracts.protocol.hashing import keccak
from contracts.protocol.keys import Signer, recover, require_signer

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SIGNER = Signer(bytes.fromhex("4c" * 32))
DIGEST = keccak(b"message")
SIGNATURE = SIGNER.sign_digest(DIGEST)


def test_recover__65_bytes__gives_the_signer() -> None:
    assert recover(DIGEST, SIGNATURE) == SIGNER.address


def test_recover__compact_64_bytes__gives_the_signer() -> None:
    s = int.from_bytes(SIGNATURE[32:64], "big") | (SIGNATURE[64] - 27) << 255
    assert recover(DIGEST, SIGNATURE[:32] + s.to_bytes(32, "big")) == SIGNER.address


def test_recover__the_malleable_twin__is_refused() -> None:
    s = ORDER - int.from_bytes(SIGNATURE[32:64], "big")
    twin = SIGNATURE[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - SIGNATURE[64]])
    with pytest.raises(SignatureError) as caught:
        recover(DIGEST, twin)
    assert caught.value.field == "signature.s"


@pytest.mark.parametrize(
    ("signature", "field"),
    [
        (b"", "signature"),
        (SIGNATURE[:63], "signature"),
        (SIGNATURE + b"\x00", "signature"),
        (SIGNATURE[:64] + b"\x00", "signature.v"),
        (SIGNATURE[:64] + b"\x1d", "signature.v"),
        (bytes(65)[:64] + b"\x1b", "signature.s"),
        (bytes(32) + SIGNATURE[32:], "signature.r"),
        (b"\xff" * 32 + SIGNATURE[32:], "signature"),
    ],
)
def test_recover__malformed__names_the_part(signature: bytes, field: str) -> None:
    with pytest.raises(SignatureError) as caught:
        recover(DIGEST, signature)
    assert caught.value.field == field


def test_require_signer__somebody_else__names_both() -> None:
    other = Signer.generate()
    with pytest.raises(SignatureError, match=other.address):
        require_signer(DIGEST, SIGNATURE, other.address, "signature")


def test_save_and_load__a_key__round_trips_with_mode_600(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.key"
    SIGNER.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer.load(path).address == SIGNER.address
    with pytest.raises(FileExistsError):
        SIGNER.save(path)


def test_load__a_file_others_may_read__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    SIGNER.save(path)
    path.chmod(0o644)
    with pytest.raises(ProtocolError, match="only its owner"):
        Signer.load(path)


def test_load__garbage__does_not_quote_it(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.write_text("correct horse")
    path.chmod(0o600)
    with pytest.raises(ProtocolError) as caught:
        Signer.load(path)
    assert "horse" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_repr__of_a_signer__shows_no_secret() -> None:
    assert "4c4c" not in repr(SIGNER)
