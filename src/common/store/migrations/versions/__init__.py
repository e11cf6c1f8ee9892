"""One module for each step; its revision counts up."""
