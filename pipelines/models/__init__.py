"""Language models: the one that is shipped, others by name, and how one is trained and exported.

Keep out: what is made of their scores (analyses/sentiment).
"""
