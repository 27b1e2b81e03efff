"""Train a classifier of handwritten digits; reads `digits.csv.gz`, leaves a model and its score.

Runs anywhere with scikit-learn. Where it was stopped it goes on from its last checkpoint.
"""

# ruff: noqa: E402 - the buyer sees a first line before the slow imports

from __future__ import annotations

print("train: reading digits.csv.gz", flush=True)

import json
import os
import pickle
import time
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

SEED = 7
EPOCHS = 30
HELD_OUT = 360
SIDE = 8


def main() -> None:
    """Load, train epoch by epoch, keep a checkpoint of each, and write the score."""
    images, labels = load(Path(os.environ.get("JOB_INPUTS", ".")) / "digits.csv.gz")
    order = np.random.default_rng(SEED).permutation(len(labels))
    test, train = order[:HELD_OUT], order[HELD_OUT:]
    x, y = augmented(images[train], labels[train])
    print(f"train: {len(labels)} digits, {len(y)} samples after shifts, {HELD_OUT} held out")
    folder = Path(os.environ.get("JOB_CHECKPOINT", "."))
    model, done = resume(folder)
    for epoch in range(done + 1, EPOCHS + 1):
        began = time.monotonic()
        model.partial_fit(*shuffled(x, y, epoch), classes=np.arange(10))
        accuracy = model.score(images[test] / 16, labels[test])
        save(folder, epoch, model)
        print(
            f"epoch {epoch:2d}/{EPOCHS}  loss {model.loss_:.4f}  accuracy {accuracy:.4f}  "
            f"{time.monotonic() - began:.2f} s"
        )
    finish(Path(os.environ.get("JOB_OUTPUTS", ".")), model, images[test], labels[test])


def load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """64 grey levels from 0 to 16 and the digit, one row each."""
    table = np.loadtxt(path, delimiter=",")
    return table[:, :-1], table[:, -1].astype(int)


def augmented(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each image also shifted by one pixel in eight directions."""
    square = images.reshape(-1, SIDE, SIDE) / 16
    shifts = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    moved = [np.roll(square, shift, axis=(1, 2)) for shift in shifts]
    return np.concatenate(moved).reshape(-1, SIDE * SIDE), np.tile(labels, len(shifts))


def shuffled(x: np.ndarray, y: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Another order each epoch, the same in each run."""
    order = np.random.default_rng(SEED + epoch).permutation(len(y))
    return x[order], y[order]


def resume(folder: Path) -> tuple[MLPClassifier, int]:
    """The model of the newest checkpoint, or a new one."""
    found = sorted(folder.glob("epoch-*.pickle"))
    if not found:
        return MLPClassifier((160, 80), batch_size=24, alpha=0.01, random_state=SEED), 0
    print(f"train: going on after {found[-1].name}")
    # Our own file, written by this script into the job's own folder.
    model = pickle.loads(found[-1].read_bytes())  # noqa: S301
    return model, int(found[-1].stem.removeprefix("epoch-"))


def save(folder: Path, epoch: int, model: MLPClassifier) -> None:
    """Write beside the final name first: a checkpoint is whole or not there."""
    draft = folder / "draft"
    draft.write_bytes(pickle.dumps(model))
    draft.replace(folder / f"epoch-{epoch:02d}.pickle")


def finish(folder: Path, model: MLPClassifier, images: np.ndarray, labels: np.ndarray) -> None:
    """Model and score, for the buyer to fetch."""
    accuracy = model.score(images / 16, labels)
    (folder / "model.pickle").write_bytes(pickle.dumps(model))
    score = {"accuracy": accuracy, "held_out": len(labels), "epochs": EPOCHS}
    (folder / "score.json").write_text(json.dumps(score) + "\n")
    print(f"train: final accuracy {accuracy:.4f} on {len(labels)} held-out digits")


if __name__ == "__main__":
    main()
