"""The command pam-mktemp: one file per subcommand, over what the planner and the module use."""
