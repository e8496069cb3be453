"""A stored run and its baseline → the compact report. Pure: the same run gives the same bytes."""
