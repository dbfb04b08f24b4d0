"""What results say: statistics of comparisons, computed once for tables and figures."""
