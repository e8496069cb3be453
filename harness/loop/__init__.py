"""The unattended fixer. `night.py` is its heart; `agent.py` is what it and an agent have to do with each other."""
