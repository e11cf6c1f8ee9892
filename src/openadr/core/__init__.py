"""The behaviour of both roles without input or output: messages and `now` go in, answers and letters come out."""
