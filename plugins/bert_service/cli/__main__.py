"""`python -m bert_service.cli`: the command of :mod:`bert_service.cli.main`."""

from bert_service.cli.main import run

if __name__ == "__main__":
    run()
