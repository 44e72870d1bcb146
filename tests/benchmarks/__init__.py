"""Speed and memory of the main job: `make bench`. Figures, never assertions."""
