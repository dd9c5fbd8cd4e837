"""kerasgan card: the zoo's results, from the cards of all models."""

from __future__ import annotations

import argparse
from pathlib import Path

from kerasgan.cli import evaluate
from kerasgan.cli.options import tensorflow


def add_options(command) -> None:
    evaluate.add_measurement(command)
    command.set_defaults(command=card)
    command.description = (
        "Measure trained models, keep the numbers in their card.json, and write the table and the gallery of all "
        "cards. A run of a variant or of data that has no card yet begins one."
    )
    model = next(action for action in command._actions if action.dest == "model")
    model.dest, model.nargs, model.metavar = "models", "*", "RUN_OR_SAVED_MODEL"
    command.add_argument("--zoo", type=Path, default=Path("zoo"), help="the folder of cards")
    command.add_argument("--again", action="store_true", help="measure the model of every card anew, as the card says")


def card(options: argparse.Namespace) -> int:
    """Update the cards of the models given, and write README.md and gallery.png of the zoo from all cards."""
    from kerasgan import cards
    from kerasgan.evaluation import Measurement

    zoo = options.zoo
    measurements = [Measurement(model, **evaluate.chosen(options)) for model in options.models]
    measurements += cards.measurements(zoo, options.data_dir) if options.again else ()
    missing = [not cards.check(measurement, zoo).is_file() for measurement in measurements]
    if measurements:
        tensorflow()
    for measurement, begun in zip(measurements, missing, strict=True):
        file, *more = cards.update(measurement, zoo)
        print(f"{file} says what {measurement.model} reaches.")
        if begun:
            print(f"It was begun from {measurement.model}, with {', '.join(map(str, more))}.")
        for what in cards.remaining(file, zoo):
            print(what)
    print(f"{cards.write_table(zoo)} is written.")
    return 0
