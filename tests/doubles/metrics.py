"""Measurements kept in memory, refused by the same rules as the real ones."""

from collections.abc import Mapping

from lambda_trigger.metrics import checked


class MemoryMetrics:
    """Every emission in its order.

    Attributes:
        lines: The dataset and the values of each.
    """

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, float]]] = []

    def emit(self, dataset: str, values: Mapping[str, float]) -> None:
        measured = checked(dataset, values)
        if measured:
            self.lines.append((dataset, {metric.value: value for metric, value in measured.items()}))

    def total(self, dataset: str, metric: str) -> float:
        """Sum of a metric of one dataset."""
        return sum(values.get(metric, 0) for name, values in self.lines if name == dataset)
