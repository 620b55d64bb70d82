"""The Airflow asset that stands for the model in service: other DAGs can be scheduled on it."""

from airflow.sdk import Asset, AssetAlias


def model_asset(pipeline: str) -> Asset:
    """Return the asset of a pipeline's model in service: ``bert_sentiment_model`` for ``bert_sentiment``.

    A DAG with ``schedule=[model_asset("bert_sentiment")]``, or ``schedule=[Asset("bert_sentiment_model")]``, runs after
    each promotion.

    Args:
        pipeline: The pipeline's id.
    """
    return Asset(name=f"{pipeline}_model", uri=f"x-bert-service://model/{pipeline}")


def promotions_of(asset: Asset) -> AssetAlias:
    """Return the alias by which a task changes the asset.

    Airflow notes a change of every asset that a successful task has as an outlet; of an alias, only those that the task
    asks for.
    """
    return AssetAlias(name=f"{asset.name}_promotions")
