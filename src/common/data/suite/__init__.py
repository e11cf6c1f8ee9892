"""The tests of the port: written once, run over every adapter, and over those that others write.

An adapter joins with a `Rig`, which holds its source in the hands of the tests, and a class of its own::

    class TestMine(AccessSuite):
        @pytest.fixture
        async def rig(self):
            async with MyRig() as rig:
                yield rig

It takes pytest with pytest-asyncio in the mode `auto`. What the access does not offer (`services`) is not left out:
then the tests see that it is refused as agreed. What the *source* cannot be made to do is said by the rig.
"""

from .asking import Asking
from .commanding import Commanding
from .following import Following
from .rig import Rig, Watching, raises, watching

__all__ = ["AccessSuite", "Rig", "Watching", "raises", "watching"]


class AccessSuite(Asking, Commanding, Following):
    """What holds of every access. The tests ask for a fixture `rig`."""
