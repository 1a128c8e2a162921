"""Every section a page can have. All take plain values and give a ``page.Section``.

Those that there may be nothing to say of give None then, and ``comparison`` gives two.
"""

from edgetl.reports.accuracy import accuracy
from edgetl.reports.adapted import adapted
from edgetl.reports.bench import bench
from edgetl.reports.board import board
from edgetl.reports.comparison import comparison
from edgetl.reports.confusion import confusion, confusion_svg
from edgetl.reports.distributions import distributions
from edgetl.reports.facts import facts
from edgetl.reports.figures import figures
from edgetl.reports.front import front
from edgetl.reports.learning import learning
from edgetl.reports.many import many
from edgetl.reports.operators import operators
from edgetl.reports.over_time import over_time
from edgetl.reports.pictures import pictures
from edgetl.reports.precision_recall import precision_recall
from edgetl.reports.soaked import soaked
from edgetl.reports.stages import stages
from edgetl.reports.strangers import strangers
from edgetl.reports.taught import taught
from edgetl.reports.terms import terms
from edgetl.reports.trust import trust
from edgetl.reports.variants import variants

__all__ = [
    "accuracy",
    "adapted",
    "bench",
    "board",
    "comparison",
    "confusion",
    "confusion_svg",
    "distributions",
    "facts",
    "figures",
    "front",
    "learning",
    "many",
    "operators",
    "over_time",
    "pictures",
    "precision_recall",
    "soaked",
    "stages",
    "strangers",
    "taught",
    "terms",
    "trust",
    "variants",
]
