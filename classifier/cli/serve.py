"""`classifier serve`: checks what would keep the server from starting, and then becomes the server."""

from __future__ import annotations

import argparse
import os

from classifier.backends import names
from classifier.cli import options
from classifier.cli.messages import say

NAME = "serve"
ABOUT = "Start the web page and the API"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--host", help="address to listen on; 0.0.0.0 for all")
    parser.add_argument("--port", type=options.port, help="port to listen on; 0 for a free one")
    options.add_model(parser)
    parser.add_argument("--backend", choices=names.choices(), help="what runs the model")
    # None if not given: then CLASSIFIER_TRUST decides.
    parser.add_argument("--trust", action="store_true", default=None, help=options.TRUST)


def run(args: argparse.Namespace) -> int:
    """Becomes the server, or gives the exit status 1 when something here keeps it from serving.

    Raises:
        ClassifierError: a setting is wrong, or the model cannot be found or read.
    """
    from classifier import checkout
    from classifier.cli import launcher
    from classifier.injected import sentence, without_injected
    from classifier.package import is_bare, locate
    from classifier.package.opened import opened_package
    from classifier.settings import read_settings

    if not checkout.COMPLETE:
        say(f"there is nothing to serve: {checkout.ADVICE}.")
        return 1
    before, ignored = without_injected(os.environ)
    if ignored:
        say(sentence(ignored))
    port = launcher.platform_port(before) if args.port is None else args.port
    settings = read_settings(host=args.host, port=port, model=args.model, backend=args.backend, trust=args.trust)
    # A wrong package is reported here, where the operator sees it, and not by a server that never gets ready.
    bare = is_bare(locate(settings.model, settings.models, chosen=settings.model_is_chosen))
    if not bare:
        opened_package(settings)
    for option, name in ((args.host, "ADDRESS"), (args.port, "PORT")):
        if option is not None:  # the option wins over Streamlit's own variable, which wins over our settings
            before.pop(f"STREAMLIT_SERVER_{name}", None)
    env = launcher.environment(settings, before)
    problem = launcher.problem(settings, env)
    if problem:
        say(problem)
        return 1
    if bare:  # last, as importing it can take a minute
        env["CLASSIFIER_MODEL"] = str(opened_package(settings).folder)
    launcher.launch(env)
