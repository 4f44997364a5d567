"""The command line: one file for each group of commands, no logic of their own. click and rich live only here."""
