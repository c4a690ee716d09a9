from django.urls import path

from config.api.reference import OpenApiJson, OpenApiYaml, Redoc, Swagger
from config.api.views import DeviceConfig, Discovery, Enrolments

urlpatterns = [
    path("", Discovery.as_view(), name="api"),
    path("enrolments", Enrolments.as_view(), name="enrolments"),
    path("device/config", DeviceConfig.as_view(), name="device-config"),
    path("openapi.json", OpenApiJson.as_view(), name="openapi-json"),
    path("openapi.yaml", OpenApiYaml.as_view(), name="openapi-yaml"),
    path("docs", Swagger.as_view(), name="swagger"),
    path("redoc", Redoc.as_view(), name="redoc"),
]
