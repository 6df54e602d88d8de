"""A figure that a notebook shows by itself, as the files of a report have it. Imports matplotlib, but no pyplot."""

import io

from matplotlib.figure import Figure

from neurochip.report.style import DPI, styled


class ShownFigure(Figure):
    """A matplotlib figure in the report's style; the last value of a notebook's cell is shown."""

    def png(self) -> bytes:
        """Return the picture as PNG, as the report's files have it."""
        image = io.BytesIO()
        with styled():
            self.savefig(image, dpi=DPI, facecolor="white", format="png")
        return image.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()
