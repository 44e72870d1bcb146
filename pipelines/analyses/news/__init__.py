"""What a piece of news is about, which copies there are of it, and how much it should count.

Belongs here: pure functions from frames of articles to frames of groups, mentions and impacts.
Keep out: fetching, reading files (sources/news/) and models (the sentiment score is an input).
"""
