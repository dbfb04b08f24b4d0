"""What tables and figures say about results, computed once."""
