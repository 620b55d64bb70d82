"""Feeds: where reviews come from, chosen by the setting ``feed``."""

from collections.abc import Callable, Mapping

from bert_service.exceptions import FeedError
from bert_service.feeds.base import Feed, Review, Sentiment
from bert_service.feeds.imdb import ImdbFeed
from bert_service.feeds.sample import SampleFeed
from bert_service.settings import FeedName, Settings

__all__ = ["Feed", "ImdbFeed", "Review", "SampleFeed", "Sentiment", "make_feed"]


def _sample(settings: Settings) -> Feed:
    return SampleFeed(settings.sample_feed)


def _imdb(settings: Settings) -> Feed:
    return ImdbFeed(
        archive=settings.imdb_archive,
        begin=settings.imdb_first_day,
        days=settings.imdb_days,
        reviews_per_day=settings.imdb_reviews_per_day,
        downloads=settings.state / "downloads",
    )


_FEEDS: Mapping[str, Callable[[Settings], Feed]] = {FeedName.SAMPLE: _sample, FeedName.IMDB: _imdb}


def make_feed(settings: Settings) -> Feed:
    """Make the feed that the settings choose.

    Args:
        settings: The Airflow side's settings.

    Returns:
        The feed. Nothing is read or downloaded yet.

    Raises:
        FeedError: No feed has that name.
    """
    try:
        make = _FEEDS[settings.feed]
    except KeyError:
        known = ", ".join(FeedName(name).value for name in _FEEDS)
        raise FeedError(
            f"feed {settings.feed!r} is unknown; known feeds: {known}. Set [bert_service] feed to one of these."
        ) from None
    return make(settings)
