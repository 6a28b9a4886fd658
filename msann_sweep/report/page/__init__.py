"""The sweep's report: one HTML page that needs no network, and PNG and CSV files beside it."""

from msann_sweep.report.page.assemble import files_beside, write_page

__all__ = ["files_beside", "write_page"]
