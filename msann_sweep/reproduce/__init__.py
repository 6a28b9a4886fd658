"""The tables and figures of Scott & Mjolsness 2019, each by one command."""

ARTEFACTS = (
    *("table1", "table2", "table3"),
    *("figure2", "figure3", "figure4", "figure5", "figure6", "figure7", "figureSM1"),
)
"""What can be reproduced."""
