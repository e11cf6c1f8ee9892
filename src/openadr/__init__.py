"""OpenADR 2.0b (IEC 62746-10-1): messages, their codec, the two roles and their bindings."""
