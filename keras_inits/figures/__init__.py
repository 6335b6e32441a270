"""One style for all pictures: what they are drawn on, and how values become marks.

saving      a figure -> the figure, and a file
scales      logarithmic or linear, and the values that have no place on them
downsample  many steps -> as many as a picture has columns
labels      names, steps, counts and legends on axes
palette     colours that are told apart with every kind of colour blindness

`pyplot`, which keeps figures for the whole process, is not used, and none of matplotlib's settings is changed. Only
`saving` can be imported without matplotlib.
"""
