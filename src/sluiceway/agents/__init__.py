"""The night shift: long-running loops that carry on what others have left for them in the journal."""
