"""How good scores are: what they said, against the returns that a trader of them could have had.

Keep out: I/O, and how scores come about (the other analyses, strategies/).
"""
