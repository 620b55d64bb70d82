"""Which step comes next, on the way to an endpoint that serves the version in service."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tfx_modules.promotion.history import Service
from tfx_modules.vertex.endpoint.steps import (
    WHOLE,
    Deploy,
    Deployment,
    MoveTraffic,
    ServedVersion,
    Undeploy,
    next_step,
    versions,
)

NUMBERS = (2026110501, 2026110601, 2026110701, 2026110702)
VERSIONS = [ServedVersion(number, f"{index:x}" * 64) for index, number in enumerate(NUMBERS, 10)]
FIRST, SECOND, THIRD, _ = VERSIONS
IMAGES = ("12345678", "9abcdef0")


def alias(version: ServedVersion, image: str = IMAGES[0]) -> str:
    return f"{version.files}-{image}"


def service(*past: ServedVersion, rolled_back: tuple[ServedVersion, ...] = ()) -> Service:
    return Service(
        live=past[-1].number if past else None,
        past=tuple(version.number for version in past),
        rolled_back=frozenset(version.number for version in rolled_back),
        digests=frozenset((version.number, version.digest) for version in past),
    )


def test_a_version_is_known_by_number_and_files() -> None:
    assert FIRST.files == "v2026110501-aaaaaaaaaaaaaaaa"
    assert replace(FIRST, digest="f" * 64).files != FIRST.files


def test_those_are_earlier_that_a_rollback_would_go_back_to() -> None:
    assert versions(service()) == (None, [])
    assert versions(service(FIRST, SECOND, THIRD)) == (THIRD, [SECOND, FIRST])
    rolled_back = service(FIRST, SECOND, THIRD, SECOND, rolled_back=(THIRD,))
    assert versions(rolled_back) == (SECOND, [FIRST])


def test_so_many_stay_as_are_to_be_kept_of_those_that_are_deployed() -> None:
    first, second = Deployment("1", alias(FIRST), 0), Deployment("2", alias(SECOND), 0)
    third = Deployment("3", alias(THIRD), WHOLE)
    earlier = [SECOND, FIRST]
    assert next_step(THIRD, third.alias, earlier, [first, second, third], kept=2) is None
    assert next_step(THIRD, third.alias, earlier, [first, second, third], kept=1) == Undeploy(first)
    assert next_step(THIRD, third.alias, earlier, [first, third], kept=1) is None  # the second was never deployed
    assert next_step(THIRD, third.alias, earlier, [first, third], kept=0) == Undeploy(first)


def test_a_version_gets_traffic_when_it_is_deployed_and_then_others_go() -> None:
    old = Deployment("1", alias(FIRST), WHOLE)
    assert next_step(SECOND, alias(SECOND), [FIRST], [old], kept=1) == Deploy(SECOND)
    new = Deployment("2", alias(SECOND), 0)
    assert next_step(SECOND, alias(SECOND), [FIRST], [old, new], kept=1) == MoveTraffic(SECOND, "2")
    old, new = replace(old, traffic=0), replace(new, traffic=WHOLE)
    assert next_step(SECOND, alias(SECOND), [FIRST], [old, new], kept=1) is None
    assert next_step(SECOND, alias(SECOND), [], [old, new], kept=1) == Undeploy(old)


def test_a_version_that_another_image_serves_has_traffic_until_it_is_deployed_anew() -> None:
    old = Deployment("1", alias(SECOND, IMAGES[1]), 0)
    assert next_step(SECOND, alias(SECOND), [], [old], kept=1) == MoveTraffic(SECOND, "1")
    old = replace(old, traffic=WHOLE)
    assert next_step(SECOND, alias(SECOND), [], [old], kept=1) == Deploy(SECOND)
    new = Deployment("2", alias(SECOND), 0)
    assert next_step(SECOND, alias(SECOND), [], [old, new], kept=1) == MoveTraffic(SECOND, "2")
    old, new = replace(old, traffic=0), replace(new, traffic=WHOLE)
    assert next_step(SECOND, alias(SECOND), [SECOND], [old, new], kept=1) == Undeploy(old)


def test_while_something_runs_traffic_alone_is_moved_to_what_is_ready() -> None:
    new = Deployment("2", alias(SECOND), 0, ready=False)
    old = Deployment("1", alias(FIRST), WHOLE)
    assert next_step(SECOND, alias(SECOND), [], [old, new], kept=1, busy=True) is None
    assert next_step(THIRD, alias(THIRD), [], [old, new], kept=1, busy=True) is None
    ready = replace(new, ready=True)
    assert next_step(SECOND, alias(SECOND), [], [old, ready], kept=1, busy=True) == MoveTraffic(SECOND, "2")


def test_a_second_deployment_of_a_version_goes() -> None:
    twice = [Deployment("1", alias(SECOND), WHOLE), Deployment("2", alias(SECOND), 0)]
    assert next_step(SECOND, alias(SECOND), [], twice, kept=1) == Undeploy(twice[1])


@st.composite
def deployments(draw: st.DrawFn) -> list[Deployment]:
    """What an endpoint may have; its traffic adds up to 100, or there is none."""
    aliases = draw(
        st.lists(
            st.sampled_from(["", *(alias(version, image) for version in VERSIONS for image in IMAGES)]), max_size=6
        )
    )
    there = [Deployment(str(number), alias, 0) for number, alias in enumerate(aliases, 1)]
    shares = draw(st.sampled_from([(), (WHOLE,), (40, 60)]))
    takers = draw(st.permutations(range(len(there))))[: len(shares)]
    if len(takers) == len(shares):
        for index, share in zip(takers, shares, strict=True):
            there[index] = replace(there[index], traffic=share)
    return there


@given(deployments(), st.permutations(VERSIONS), st.integers(0, 3))
def test_whatever_is_deployed_the_version_in_service_ends_with_all_traffic(
    there: list[Deployment], order: list[ServedVersion], kept: int
) -> None:
    live, earlier = versions(service(*order))
    assert live is not None
    others = {item.id for item in there if not item.alias}
    before = {item.files for item in there}
    for _ in range(len(there) + 4):
        step = next_step(live, alias(live), earlier, there, kept=kept)
        if step is None:
            break
        if isinstance(step, Deploy):
            there = [*there, Deployment("new", alias(step.version), 0)]
        elif isinstance(step, MoveTraffic):
            there = [replace(item, traffic=WHOLE if item.id == step.id else 0) for item in there]
        else:
            assert step.deployment.traffic == 0
            there = [item for item in there if item != step.deployment]
    assert [item.alias for item in there if item.traffic] == [alias(live)]
    own = [item.files for item in there if item.alias]
    assert len(own) == len(set(own))
    back = [version.files for version in earlier if version.files in before][:kept]
    assert set(own) == {live.files, *back}
    assert others <= {item.id for item in there}
