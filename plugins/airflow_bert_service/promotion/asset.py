"""Defines the Airflow assets that stand for the champion and for scores: other DAGs can be scheduled on them."""

from airflow.sdk import Asset, AssetAlias


def model_asset(pipeline: str) -> Asset:
    """Return the asset of a pipeline's champion: ``bert_sentiment_model`` for ``bert_sentiment``.

    A DAG with ``schedule=[model_asset("bert_sentiment")]``, or ``schedule=[Asset("bert_sentiment_model")]``, runs after
    each promotion.

    Args:
        pipeline: The pipeline's id.
    """
    return Asset(name=f"{pipeline}_model", uri=f"x-bert-service://model/{pipeline}")


def promotions_of(asset: Asset) -> AssetAlias:
    """Return the alias by which a task emits events of the asset.

    Airflow emits an event of every asset that a successful task has as an outlet; of an alias, only the events that the
    task adds.
    """
    return AssetAlias(name=f"{asset.name}_promotions")


def scores_asset(pipeline: str) -> Asset:
    """Return the asset of the scores of a pipeline's model: ``bert_sentiment_scores`` for ``bert_sentiment``.

    It changes each time that a day is scored.

    Args:
        pipeline: The pipeline's id.
    """
    return Asset(name=f"{pipeline}_scores", uri=f"x-bert-service://scores/{pipeline}")
