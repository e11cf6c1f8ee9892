"""An estate with four roles in one process, everybody around it, and what befalls them in an hour."""
