from django.urls import path

from merchants.api import blacklists

urlpatterns = [
    path(
        "reader/blacklists/<str:issuer>",
        blacklists.BlacklistFetch.as_view(),
        name="api-reader-blacklist",
    )
]
