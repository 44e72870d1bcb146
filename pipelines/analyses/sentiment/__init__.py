"""Sentiment, the pure part: what a text is made of, how scores of its parts are pooled, and days.

Keep out: models and their sessions (pipelines/models), and where articles come from.
"""
