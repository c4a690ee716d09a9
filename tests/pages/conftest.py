"""Pages are drawn with the static files as they lie in the source, without a collected manifest."""

import pytest

SOURCE = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture(autouse=True)
def static_from_source(settings):
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": SOURCE}}
