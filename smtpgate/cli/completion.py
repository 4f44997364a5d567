"""`smtpgate completion`: what a shell needs to complete our commands and options. click does the work."""

from __future__ import annotations

import click

_VARIABLE = "_SMTPGATE_COMPLETE"  # by which click knows that a shell asks


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples, one for each shell:
    bash: smtpgate completion bash > /etc/bash_completion.d/smtpgate
    zsh:  smtpgate completion zsh > /usr/local/share/zsh/site-functions/_smtpgate
    fish: smtpgate completion fish > ~/.config/fish/completions/smtpgate.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from smtpgate.cli.main import cli

    found = get_completion_class(shell)
    assert found is not None  # the choices are those that click knows
    # The base class's: bash's own first runs a bash to ask its version, and there may be none where this runs.
    click.echo(ShellComplete.source(found(cli, {}, "smtpgate", _VARIABLE)))
