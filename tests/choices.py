"""A search of ``--backbone auto`` as ``run.json`` tells it: twelve candidates and one that was dropped."""

from typing import Any

SIZES = {"lite0": (128, 160, 192, 224), "lite1": (128, 160, 192, 240), "lite2": (160, 192, 224, 260)}


def candidate(number: int, name: str, *, accuracy: float, **others: Any) -> dict[str, Any]:
    seconds = 0.0075 * 1.18**number
    interval = {"value": accuracy, "low": accuracy - 0.03, "high": min(1.0, accuracy + 0.02)}
    return {
        "name": name,
        "size_bytes": 3_900_000 + 150_000 * number,
        "latency": {
            "seconds": seconds,
            "low_s": seconds / 1.13,
            "high_s": seconds * 1.13,
            "kind": "estimated",
            "where": "Raspberry Pi 4B",
        },
        "scores": {"log_loss": 0.2, "accuracy": interval, "logme": 0.1, "h_score": 0.9},
        "trained_accuracy": None,
        "picked": False,
        "why": "others scored better",
        **others,
    }


def choice() -> dict[str, Any]:
    names = [f"efficientnet_{name}, {size} px" for name, sizes in SIZES.items() for size in sizes]
    found = [candidate(n, name, accuracy=0.90 + 0.004 * n - 0.0002 * n**2) for n, name in enumerate(names)]
    found[8] |= {"picked": True, "trained_accuracy": {"value": 0.95, "low": 0.93, "high": 0.97}}
    found[8]["why"] = "the fastest of 2 that are as good"
    slow = candidate(12, "vgg16, 224 px", accuracy=0.9, scores=None, why="may take 900 ms, over 30 ms")
    slow["latency"] = slow["size_bytes"] = None
    return {"sample": 500, "pictures": 2100, "reason": found[8]["why"], "candidates": [*found, slow]}
