"""What a fine-tuning is asked to do. Light to import."""

from dataclasses import dataclass

from edgetl.errors import UsageError

BLOCKS = ("off", "last", "all", "auto")
"""Which part of the backbone is trained; ``auto`` is ``last``, and ``all`` where there is a GPU."""
AUGMENTS = ("none", "light", "flips", "turns", "strong")
"""``light``: mirrored. ``flips``: mirrored both ways. ``turns``: and turned by quarters, for pictures without
an up. ``strong``: mirrored, cropped, turned a little, recoloured and partly erased."""
PRECISIONS = ("auto", "float32", "mixed")
"""What training computes in: 32 bits, or 16 with weights of 32; ``auto``: ``mixed`` where there is a GPU."""
MOST_EPOCHS = 1000


@dataclass(frozen=True)
class TuningOptions:
    """Every choice that decides the weights, beside the photos and the head."""

    blocks: str = "last"
    """``last`` or ``all``."""
    epochs: int = 12
    """At most so many; training ends earlier when held-out photos gain nothing any more."""
    augment: str = "light"
    """One of ``AUGMENTS``."""
    precision: str = "float32"
    """``float32`` or ``mixed``."""
    seed: int = 0
    """Decides the order of the photos, their augmentation and their mixing."""
    batch_size: int = 32
    """Photos a step."""
    peak_rate: float = 2e-4
    """Learning rate of the head once warm; AdamW. With 1e-3 held-out solar cells only got worse."""
    bottom_share: float = 0.3
    """The lowest trained layer's rate, as a share of the head's; those between lie on a geometric line."""
    warm_up_share: float = 0.1
    """Share of the steps over which the rate rises; it then falls as a cosine."""
    weight_decay: float = 0.01
    """Of kernels; biases and scales have none."""
    label_smoothing: float = 0.05
    """Share of each target that all classes get alike (Szegedy et al., CVPR 2016)."""
    mixing: float = 0.2
    """Alpha of mixup and cutmix, under ``strong``; 0 mixes nothing."""
    averaged_epochs: float = 1.0
    """How far back the moving average of the weights reaches; the average is what is judged and kept."""
    patience: int = 4
    """Epochs without a gain on held-out photos after which training ends."""
    unfreeze_epochs: int = 0
    """Epochs over which layers are set free from the top down (Howard & Ruder, ACL 2018); 0: all at once."""
    held_share: float = 0.2
    """Share of each class's train photos that judges, where no val split does."""

    def __post_init__(self) -> None:
        if self.blocks not in ("last", "all"):
            raise UsageError(f"fine-tune {self.blocks!r} is not offered: choose {', '.join(BLOCKS)}")
        if self.augment not in AUGMENTS:
            raise UsageError(f"augment {self.augment!r} is not offered: choose {', '.join(AUGMENTS)}")
        if self.precision not in PRECISIONS[1:]:
            offered = ", ".join(PRECISIONS)
            raise UsageError(f"precision {self.precision!r} is not offered: choose {offered}")
        if not 1 <= self.epochs <= MOST_EPOCHS:
            raise UsageError(f"{self.epochs} epochs are not offered: choose 1 to {MOST_EPOCHS}")

    @property
    def mixes(self) -> bool:
        """Whether pictures of a batch are mixed."""
        return self.mixing > 0 and self.augment == "strong"


def views(augment: str) -> int:
    """How many versions of a train photo ``last`` computes once and draws from, the plain one among them."""
    return {"none": 1, "light": 2, "flips": 4, "turns": 8, "strong": 8}[augment]
