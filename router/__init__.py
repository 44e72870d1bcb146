"""The wire between the parts: messages, subjects, streams, and the central router.

Keep out: trading decisions, analyses, and anything of `execution` or `pipelines`.
"""
