"""How long the property tests search: Hypothesis's own profile, or ``--hypothesis-profile=long``.

A test says what it tries by default with `search`; a profile multiplies it: by its ``max_examples``, in hundreds. A machine
takes as many steps in each example as the profile says.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

LONG_EXAMPLES = 2000
"""Examples of the long profile, where Hypothesis's own has 100."""


def register() -> None:
    """Make the profile ``long`` known; done before pytest reads its options."""
    settings.register_profile("long", max_examples=LONG_EXAMPLES, stateful_step_count=100, print_blob=True)


def is_long() -> bool:
    """Whether more is tried than by default, which takes as long as it takes."""
    return settings.default is not None and settings.default.max_examples > 100


def search(examples: int) -> settings:
    """Return settings that try so many examples by default, and as many more as the profile asks for.

    Parameters:
        examples: how many to try where the profile is Hypothesis's own.
    """
    assert settings.default is not None
    return settings(
        max_examples=max(examples * settings.default.max_examples // 100, 1),
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
