"""botocore.loaders in the single-file executable: of its data only what is in the archive.

botocore's own looks for directories, of which an archive has none.
"""

from __future__ import annotations

import json
import pkgutil
from typing import Any

from botocore.exceptions import DataNotFoundError


class Loader:
    def load_service_model(self, service_name: str, type_name: str) -> Any:
        return self.load_data(f"{service_name}.{type_name}")

    def load_data(self, name: str) -> Any:
        try:
            data = pkgutil.get_data("botocore", f"data/{name}.json")
        except OSError as error:
            raise DataNotFoundError(data_path=name) from error
        return json.loads(data or b"")
