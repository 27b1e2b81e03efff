"""From what NVML calls a card to the class that it is traded as."""

from __future__ import annotations

import re

from contracts.protocol.errors import ProtocolError
from contracts.protocol.series import device_class_hash

_GIB = 1 << 30

_MODELS: tuple[tuple[str, str, int], ...] = (
    # (words of the name, class, nominal GB); the first line whose words all occur wins.
    ("gb300", "nvidia/gb300/{}gb/sxm", 288),
    ("gb200", "nvidia/gb200/{}gb/sxm", 192),
    ("b300", "nvidia/b300/{}gb/sxm", 288),
    ("b200", "nvidia/b200/{}gb/sxm", 192),
    ("gh200 480gb", "nvidia/gh200/{}gb/sxm", 96),
    ("gh200 144g", "nvidia/gh200/{}gb/sxm", 144),
    ("h200 nvl", "nvidia/h200/{}gb/nvl", 141),
    ("h200", "nvidia/h200/{}gb/sxm", 141),
    ("h100 nvl", "nvidia/h100/{}gb/nvl", 94),
    ("h100 pcie", "nvidia/h100/{}gb/pcie", 80),
    ("h100 80gb hbm3", "nvidia/h100/{}gb/sxm", 80),
    ("h100 64gb hbm2", "nvidia/h100/{}gb/sxm", 64),
    ("a100 sxm4 40gb", "nvidia/a100/{}gb/sxm", 40),
    ("a100 sxm4 80gb", "nvidia/a100/{}gb/sxm", 80),
    ("a100 pcie 40gb", "nvidia/a100/{}gb/pcie", 40),
    ("a100 80gb pcie", "nvidia/a100/{}gb/pcie", 80),
    ("a800 sxm4 80gb", "nvidia/a800/{}gb/sxm", 80),
    ("v100 sxm2 16gb", "nvidia/v100/{}gb/sxm", 16),
    ("v100 sxm2 32gb", "nvidia/v100/{}gb/sxm", 32),
    ("v100 pcie 16gb", "nvidia/v100/{}gb/pcie", 16),
    ("v100 pcie 32gb", "nvidia/v100/{}gb/pcie", 32),
    ("rtx 6000 ada", "nvidia/rtx-6000-ada/{}gb/pcie", 48),
    ("rtx a6000", "nvidia/rtx-a6000/{}gb/pcie", 48),
    ("rtx a5000", "nvidia/rtx-a5000/{}gb/pcie", 24),
    ("rtx a4000", "nvidia/rtx-a4000/{}gb/pcie", 16),
    ("rtx 5090", "nvidia/rtx-5090/{}gb/pcie", 32),
    ("rtx 4090", "nvidia/rtx-4090/{}gb/pcie", 24),
    ("rtx 3090 ti", "nvidia/rtx-3090-ti/{}gb/pcie", 24),
    ("rtx 3090", "nvidia/rtx-3090/{}gb/pcie", 24),
    ("l40s", "nvidia/l40s/{}gb/pcie", 48),
    ("l40", "nvidia/l40/{}gb/pcie", 48),
    ("l4", "nvidia/l4/{}gb/pcie", 24),
    ("a40", "nvidia/a40/{}gb/pcie", 48),
    ("a30", "nvidia/a30/{}gb/pcie", 24),
    ("a16", "nvidia/a16/{}gb/pcie", 16),
    ("a10g", "nvidia/a10g/{}gb/pcie", 24),
    ("a10", "nvidia/a10/{}gb/pcie", 24),
    ("a2", "nvidia/a2/{}gb/pcie", 16),
    ("t4", "nvidia/t4/{}gb/pcie", 16),
)
_SAME_CARD = frozenset({"nvidia", "tesla", "geforce", "quadro", "generation", "laptop", "gpu"})
_FORMS = ("sxm", "nvl", "pcie")
_PROFILE = re.compile(r"\bMIG (\d+g\.\d+gb)$")
_VARIANTS = frozenset({"laptop", "max", "d", "grid", "super", "ti", "vgpu"})
"""Words that make another product of a known name: an RTX 4090 D is no RTX 4090."""
_NVML_SHOWS_AT_LEAST = 0.86
"""Of the nominal size: cards with in-band ECC (T4, A10) keep up to an eighth for it."""


def device_class_of(name: str, memory_bytes: int | None, mig_profile: str | None = None) -> str:
    """Canonical class of a card; a table for common models, derived for the others.

    A name from the table whose memory does not fit is treated as unknown: then the class says the
    memory that was seen, so that a card with a borrowed name is not sold as the real one.
    Raises ``ProtocolError`` where no class can be made.
    """
    if memory_bytes is None:
        raise ProtocolError("memory_bytes", "the size of the card's memory", None)
    whole = _known(name, memory_bytes) or _derived(name, memory_bytes)
    result = f"{whole}/mig-{mig_profile}" if mig_profile else whole
    device_class_hash(result)
    return result


def mig_profile_of(name: str) -> str | None:
    """``1g.10gb`` of ``NVIDIA H100 80GB HBM3 MIG 1g.10gb``; None for profiles not traded."""
    found = _PROFILE.search(name)
    return found.group(1) if found else None


def _known(name: str, memory_bytes: int) -> str | None:
    words = _words(name)
    for model, pattern, size in _MODELS:
        wanted = model.split()
        if not set(wanted) <= set(words):
            continue
        if (_VARIANTS & set(words)) - set(wanted) or not _fits(memory_bytes, size):
            return None
        return pattern.format(size)
    return None


def _derived(name: str, memory_bytes: int) -> str:
    words = [word for word in _words(name) if word not in _SAME_CARD]
    form = next((f for f in _FORMS if any(word.startswith(f) for word in words)), "other")
    kept = [word for word in words if not word.startswith(_FORMS) and not _is_memory(word)]
    model = "-".join(kept)[:40].strip("-.") or "unknown"
    return f"nvidia/{model}/{-(-memory_bytes // _GIB)}gb/{form}"


def _words(name: str) -> list[str]:
    return re.sub(r"[^a-z0-9.]+", " ", name.lower()).split()


def _fits(memory_bytes: int, nominal: int) -> bool:
    # Marketing counts in GB or GiB as it pleases; both bounds hold for either.
    return _NVML_SHOWS_AT_LEAST * nominal * 10**9 <= memory_bytes <= 1.02 * nominal * _GIB


def _is_memory(word: str) -> bool:
    return re.fullmatch(r"\d+gb?|hbm\w*|gddr\w*", word) is not None
