"""Colours that are told apart with every kind of colour blindness."""

BLACK, VERMILION, PURPLE, ORANGE, SKY_BLUE, BLUE, GREEN = (
    *("#000000", "#d55e00", "#cc79a7", "#e69f00", "#56b4e9", "#0072b2", "#009e73"),
)
"""Okabe and Ito's, but for the yellow."""
OLIVE, GREY = "#a39800", "#888888"
