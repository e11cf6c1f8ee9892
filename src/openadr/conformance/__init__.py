"""The conformance statement of OpenADR 2.0b, read off the code: nothing in it is written by hand."""
