"""Checks of the tree: each prints one line a finding and exits 1 when there is one."""
