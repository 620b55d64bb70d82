"""Decides who may change the models of a running server, and where the models may be. Knows no protocol."""

from collections.abc import Iterable
from pathlib import Path

from tfx_modules.serving.exceptions import ForbiddenError
from tfx_modules.serving.security.api_keys import ApiKeys

OFF = (
    "new model configs are not taken over gRPC; start the server with --allow_reload_config and --admin_api_key_file, "
    "or use --model_config_file, which is read again with --model_config_file_poll_wait_seconds"
)


class ReloadGuard:
    """The rules for new model configs over the network: an admin's key, and base paths below some folders."""

    def __init__(
        self, admin_keys: ApiKeys | None, *, client_keys: ApiKeys | None = None, roots: Iterable[Path] = ()
    ) -> None:
        """Prepare.

        Args:
            admin_keys: keys of those who may; None = nobody may.
            client_keys: keys of those who may only ask; None = everybody may ask.
            roots: folders below which base paths must be; none = where those of the first config are.
        """
        self._admin_keys = admin_keys
        self._client_keys = client_keys
        self._roots = tuple(roots)

    def started_with(self, base_paths: Iterable[Path]) -> None:
        """Allow the folders that hold these base paths, where no roots were given; of one right below ``/``, itself."""
        if not self._roots:
            kept = {path if path.parent == path.parent.parent else path.parent for path in base_paths}
            self._roots = tuple(sorted(kept))

    def check_caller(self, authorization: str, api_key: str) -> None:
        """Check that a request is an admin's; the arguments are those of ``ApiKeys.check``.

        Raises:
            ForbiddenError: configs are not taken at all, or the key is a client's.
            UnauthenticatedError: there is no key, or an unknown one.
        """
        is_admin = self._admin_keys is not None and self._admin_keys.has(authorization, api_key)
        if is_admin:
            return
        if self._client_keys is not None:
            self._client_keys.check(authorization, api_key)
        if self._admin_keys is None:
            raise ForbiddenError(OFF)
        if self._client_keys is not None:
            raise ForbiddenError("this API key is a client's, who may not change the models; send an admin's key")
        self._admin_keys.check(authorization, api_key)

    def check_base_path(self, name: str, base_path: Path) -> None:
        """Check that a model's folder is below a root, after links have been followed.

        Raises:
            ForbiddenError: it is not, or links lead in a circle.
        """
        try:
            real = base_path.resolve()
            roots = [root.resolve() for root in self._roots]
        except (OSError, RuntimeError) as error:
            raise ForbiddenError(f"the base path {base_path} of model {name} cannot be followed: {error}") from error
        if not any(real.is_relative_to(root) for root in roots):
            shown = ", ".join(map(str, self._roots)) or "none"
            raise ForbiddenError(
                f"the base path {base_path} of model {name} is not below an allowed folder; allowed: {shown}. Start "
                "the server with --model_roots to allow others"
            )
